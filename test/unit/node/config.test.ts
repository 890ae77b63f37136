import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configurationOf, resolveConfig } from '../../../src/node/config.ts';
import { tempDir } from '../../support/temp-dir.ts';

const configFile = (text: string): string => {
  const path = join(tempDir(), 'node.json');
  writeFileSync(path, text);
  return path;
};

const faultFrom = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (caught) {
    return caught;
  }
};

describe('resolveConfig', () => {
  test('defaults', () => {
    expect(resolveConfig({}, {})).toMatchObject({
      dir: resolve('./holdfast-data'),
      listen: '127.0.0.1:32148',
      rest: '127.0.0.1:32149',
      admission: undefined,
      invite: undefined,
      network: undefined,
      seeds: [],
      script: undefined,
    });
  });

  test('a flag wins over the environment, the environment over the file', () => {
    const config = configFile('{"name": "file", "company": "file", "dir": "/file"}');
    const resolved = resolveConfig(
      { config, name: 'flag' },
      { HOLDFAST_NAME: 'environment', HOLDFAST_COMPANY: 'environment' },
    );
    expect(resolved).toMatchObject({ name: 'flag', company: 'environment', dir: '/file' });
  });

  test('what a node was told once it takes again, below all that is said anew; not who is let in', () => {
    const dir = tempDir();
    const told = {
      dir,
      name: 'a',
      listen: '127.0.0.1:1',
      tiles: 'tiles',
      remote: 'registered',
      authentication: 'off',
      seed: ['a:1'],
    };
    const { remember } = resolveConfig(told, { HOLDFAST_COMPANY: 'Acme' });
    expect(remember).toEqual({ name: 'a', company: 'Acme', listen: '127.0.0.1:1', tiles: resolve('tiles') });
    writeFileSync(join(dir, 'start.json'), JSON.stringify(remember));
    const config = configFile('{"listen": "127.0.0.1:3"}');
    expect(resolveConfig({ dir, config, name: 'b' }, { HOLDFAST_COMPANY: 'Other' })).toMatchObject({
      ...{
        name: 'b',
        company: 'Other',
        listen: '127.0.0.1:3',
        tiles: resolve('tiles'),
        remote: 'read',
        authentication: 'on',
      },
      remember: { name: 'b', company: 'Other', listen: '127.0.0.1:3', tiles: resolve('tiles') },
    });
    expect(resolveConfig({ dir }, {})).toMatchObject({ name: 'a', company: 'Acme', seeds: [] });
    writeFileSync(join(dir, 'start.json'), '{"listen": "x"}');
    expect(() => resolveConfig({ dir }, {})).toThrow(/"listen" in .*start\.json: "x" is not HOST:PORT/);
  });

  test.each(['{"name": "a"', '', '[]', 'null', '{"name": 7}', '{"listen": "x"}'])(
    'what a node remembers is damaged (%s): it says which file to remove',
    (text) => {
      const path = join(tempDir(), 'start.json');
      writeFileSync(path, text);
      const told = expect.stringContaining(`remove ${path}, and say once more`) as string;
      expect(faultFrom(() => resolveConfig({ dir: dirname(path) }, {}))).toMatchObject({ hint: told });
    },
  );

  test.each(['{"name": "a"', '', '[]'])('of what is damaged (%s) it says what this start does not say', (text) => {
    const path = join(tempDir(), 'start.json');
    writeFileSync(path, text);
    const dir = dirname(path);
    const told = { dir, name: 'a', listen: '127.0.0.1:1', rest: '127.0.0.1:2', script: 'none', tiles: 'none' };
    expect(faultFrom(() => resolveConfig({ ...told, company: 'C' }, {}))).toMatchObject({
      code: 'CONFIG_FILE',
      hint: `remove ${path}, and say once more at the start what it said: --rest-tls, --reserve`,
    });
    const all = { ...told, restTls: 'none', reserve: '10%' };
    expect(resolveConfig(all, { HOLDFAST_COMPANY: 'C' })).toMatchObject({ name: 'a', rememberedIsDamaged: true });
    writeFileSync(path, '{"name": 7}');
    expect(resolveConfig({ dir, name: 'a' }, {})).toMatchObject({ name: 'a', rememberedIsDamaged: false });
  });

  test.each(['127.0.0.1:41000', undefined, 7, 'x'])('where port 0 led to before: %j', (listened) => {
    const dir = tempDir();
    writeFileSync(join(dir, 'start.json'), JSON.stringify({ listen: '127.0.0.1:0', listened }));
    const known = listened === '127.0.0.1:41000' ? listened : undefined;
    expect(resolveConfig({ dir }, {})).toMatchObject({ listen: '127.0.0.1:0', listened: known });
  });

  test('what a newer version remembered beside is left alone', () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'start.json'), '{"name": "a", "new": {"x": 1}, "authentication": "off"}');
    expect(resolveConfig({ dir }, {})).toMatchObject({ name: 'a', authentication: 'on', remember: { name: 'a' } });
  });

  test('none takes back a path that was told, for later starts too', () => {
    const dir = tempDir();
    const told = { dir, tiles: 'tiles', restTls: 'tls', script: 'a.al' };
    writeFileSync(join(dir, 'start.json'), JSON.stringify(resolveConfig(told, {}).remember));
    const paths = { tiles: resolve('tiles'), restTls: resolve('tls'), script: resolve('a.al') };
    expect(resolveConfig(told, {}).scriptRemembered).toBe(false);
    expect(resolveConfig({ dir }, {})).toMatchObject({ ...paths, scriptRemembered: true });
    const none = { tiles: undefined, restTls: undefined, script: undefined, remember: {}, scriptRemembered: false };
    const taken = { dir, tiles: 'none', script: 'none' };
    expect(resolveConfig(taken, { HOLDFAST_REST_TLS: 'none' })).toMatchObject(none);
    expect(resolveConfig({ tiles: './none' }, {}).tiles).toBe(resolve('none'));
  });

  test('an address of REST that others reach is said again where nobody has to say who it is', () => {
    const dir = tempDir();
    const remembered = (rest: string): void => writeFileSync(join(dir, 'start.json'), JSON.stringify({ rest }));
    const off = { dir, authentication: 'off' };
    for (const rest of ['0.0.0.0:1', '[::]:1', '127.example.org:1', '10.0.0.1:1']) {
      remembered(rest);
      expect(() => resolveConfig(off, {})).toThrow(`everybody who reaches ${rest}`);
      expect(resolveConfig({ ...off, rest }, {})).toMatchObject({ rest, authentication: 'off' });
      expect(resolveConfig(off, { HOLDFAST_REST: rest })).toMatchObject({ rest, authentication: 'off' });
      expect(resolveConfig({ dir }, {})).toMatchObject({ rest, authentication: 'on' });
    }
    for (const rest of ['127.0.0.1:1', '[::1]:1', 'localhost:1']) {
      remembered(rest);
      expect(resolveConfig(off, {})).toMatchObject({ rest, authentication: 'off' });
    }
  });

  test('seeds: repeated flags, a list in the file, commas in the environment', () => {
    expect(resolveConfig({ seed: ['a:1', 'b:2'] }, {}).seeds).toEqual(['a:1', 'b:2']);
    expect(resolveConfig({}, { HOLDFAST_SEED: 'a:1, b:2' }).seeds).toEqual(['a:1', 'b:2']);
    expect(resolveConfig({ config: configFile('{"seed": ["a:1"]}') }, {}).seeds).toEqual(['a:1']);
    expect(resolveConfig({ config: configFile('{"seed": "a:1"}') }, {}).seeds).toEqual(['a:1']);
  });

  test.each([
    ['512MB', { bytes: 512 * 1_048_576 }],
    ['2 gb', { bytes: 2 * 1_073_741_824 }],
    ['0', { bytes: 0 }],
    ['12.5%', { share: 0.125 }],
  ])('the reserve of the disk: %s', (reserve, expected) => {
    expect(resolveConfig({ reserve }, {}).reserve).toEqual(expected);
    expect(resolveConfig({}, { HOLDFAST_RESERVE: reserve }).reserve).toEqual(expected);
    const kept = configurationOf(resolveConfig({ config: configFile(JSON.stringify({ reserve })) }, {}));
    expect(resolveConfig({ config: configFile(JSON.stringify(kept)) }, {}).reserve).toEqual(expected);
  });

  test.each([
    [{ reserve: 'much' }, {}, /--reserve: "much" is neither a size nor a share/],
    [{ reserve: '100%' }, {}, /--reserve: "100%" is neither/],
    [{ listen: '127.0.0.1' }, {}, /--listen: "127\.0\.0\.1" is not HOST:PORT/],
    [{ rest: 'localhost:99999' }, {}, /--rest: "localhost:99999" has a port above 65535/],
    [{}, { HOLDFAST_SEED: 'http://x:1' }, /HOLDFAST_SEED: .* is not HOST:PORT/],
    [{ name: 'a\u0000b' }, {}, /--name: .* control character/],
    [{ admission: 'closed' }, {}, /--admission: "closed" is neither open nor invite/],
    [{ invite: 'rubbish' }, {}, /the invite cannot be read/],
    [{ tiles: '' }, {}, /--tiles: "" is empty/],
    [{ name: '' }, {}, /--name: "" is empty/],
    [{ listen: '' }, {}, /--listen: "" is not HOST:PORT/],
    [{ config: '' }, {}, /--config: "" is empty/],
    [{ network: 'x', invite: 'y' }, {}, /--network x creates a network and --invite joins one/],
  ])('%j %j is refused by name', (flags, environment, text) => {
    expect(() => resolveConfig(flags, environment)).toThrow(text);
  });

  test.each([
    ['not json', /cannot be read/],
    ['[]', /not an object/],
    ['{"nmae": "x"}', /unknown key "nmae"/],
    ['{"listen": 5}', /"listen" in .*node\.json: "5" is not HOST:PORT/],
    ['{"listen": {"port": 5}}', /"listen" in .*node\.json: \{"port":5\} is no text/],
    ['{"seed": [5]}', /"seed" in .*: \[5\] is no text/],
    ['{"bogus": 1}', /unknown key "bogus"/],
  ])('configuration file %s', (text, message) => {
    const work = (): unknown => resolveConfig({ config: configFile(text) }, {});
    expect(work).toThrow(message);
    expect(work).toThrow(expect.objectContaining({ hint: expect.stringMatching(/\w/) as string }) as Error);
  });

  test('numbers and booleans of a configuration file are what their texts would be', () => {
    const config = configFile('{"recover": true, "name": 7, "reserve": 0}');
    expect(resolveConfig({ config }, {})).toMatchObject({ recover: true, name: '7', reserve: { bytes: 0 } });
  });

  test('a configuration file that is not there', () => {
    expect(() => resolveConfig({ config: '/nowhere/node.json' }, {})).toThrow(/\/nowhere\/node\.json/);
  });
});
