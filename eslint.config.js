import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Reports what is exported without a docstring right above it; only line comments may stand between. */
const docstrings = {
  create: ({ report, sourceCode }) => ({
    'ExportNamedDeclaration[declaration]': (node) => {
      let { line } = node.loc.start;
      const isAbove = (comment) => comment.loc.end.line === line - 1;
      const isDocstring = ({ type, value }) => type === 'Block' && /^\*[^]*\w/.test(value);
      for (const comment of sourceCode.getCommentsBefore(node).reverse()) {
        if (!isAbove(comment)) break;
        if (isDocstring(comment)) return;
        line = comment.loc.start.line;
      }
      report({ node, message: 'A docstring says what this means: shapes, units, errors, and where it is from.' });
    },
  }),
};

export default tseslint.config(
  { ignores: ['node_modules', 'dist', 'fixtures', 'coverage', '**/*.mjs', 'eslint.config.js'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 16],
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Numbers in messages read well without String().
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // A protocol handler or port form may have nothing to await.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/unified-signatures': 'off',
    },
  },
  {
    files: ['src/**'],
    plugins: { holdfast: { rules: { docstrings } } },
    rules: {
      'holdfast/docstrings': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'CallExpression[callee.name=/^mkdir(Sync)?$/] Property[key.name="recursive"]',
          message:
            'Tries for ever where a parent is there and still refuses, as in /proc: use makePath of base/files.ts.',
        },
      ],
    },
  },
  {
    files: ['test/**', 'scripts/**'],
    rules: {
      'max-lines-per-function': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
