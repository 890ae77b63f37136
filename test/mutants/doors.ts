import type { Mutant } from './mutant.ts';

const TESTS = ['test/unit/command/bounds.test.ts'];

/** One request that harms everybody. */
export const doors: readonly Mutant[] = [
  {
    name: 'an error shows the password behind a quote that is not closed',
    file: 'src/command/grammar/lexer.ts',
    from: "throw syntaxFault('a quote is not closed', at, quote,",
    to: "throw syntaxFault('a quote is not closed', at, text.slice(at, at + 20),",
    tests: ['test/unit/command/passwords.test.ts'],
  },
  {
    name: 'an invite that is given in the wrong place is repeated',
    file: 'src/node/config.ts',
    from: 'withoutTokens(JSON.stringify(value))',
    to: 'JSON.stringify(value)',
    tests: ['test/unit/node/secrets.test.ts'],
  },
  {
    name: 'lines of a request have one turn together',
    file: 'src/rest/responder.ts',
    from: '        await giveWay();\n        signal.throwIfAborted();',
    to: '        signal.throwIfAborted();',
    tests: ['test/unit/rest/lines.test.ts'],
  },
  {
    name: 'a request has any number of lines',
    file: 'src/rest/commands.ts',
    from: 'if (lines.length > REST_LINES_MAX)',
    to: 'if (lines.length < 0)',
    tests: ['test/unit/rest/lines.test.ts'],
  },
  {
    name: 'a setting of a destination stands any number of times',
    file: 'src/command/remote/destination.ts',
    from: 'if (settings.has(name))',
    to: 'if (settings.size > 2)',
    tests: TESTS,
  },
  {
    name: 'a shell stands at other nodes without being asked',
    file: 'src/command/create-executor.ts',
    from: "      restriction?.check(plainAct('run client'));\n      parseDestination",
    to: '      parseDestination',
    tests: TESTS,
  },
  {
    name: 'what is no command costs another node nothing',
    file: 'src/command/remote/protocol.ts',
    from: '    return budget.run(channel.peer, async () => {',
    to: '    checkMayRun(channel.peer, text);\n    return budget.run(channel.peer, async () => {',
    tests: TESTS,
  },
  {
    name: 'variables hold as much as they like',
    file: 'src/command/variables.ts',
    from: 'if (chars > this.#charsMax && chars > this.#chars)',
    to: 'if (chars < 0)',
    tests: TESTS,
  },
  {
    name: 'a variable that is gone counts on',
    file: 'src/command/variables.ts',
    from: 'this.#chars -= costOf(name, this.#values.get(name));',
    to: 'costOf(name, this.#values.get(name));',
    tests: TESTS,
  },
];
