import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fault, textOf } from '../base/errors.ts';
import { writeFileDurably } from '../base/files.ts';
import { hasJournal, type NodePaths } from './paths.ts';

/** A node's key: its identity in the ledger and on the network. */
export interface Identity {
  /** 32 bytes, the private Ed25519 seed. */
  readonly seed: Uint8Array;
  /** Public key, 64 hex digits. */
  readonly key: string;
}

/** A line before the PEM block: a private half with one wrong bit is a good key too, that of somebody else. */
const PUBLIC_HALF = /^Ed25519 public key ([0-9a-f]{64})$/m;

const RESTORE =
  'restore the file from a backup; without one, let a new key take over in a new directory: holdfast start --dir NEW --recover --operator ID-OF-ITS-OPERATOR-POLICY --seed HOST:PORT';

/**
 * Reads the node's key from a PEM file (PKCS #8), or makes one there, readable by its owner alone. `NODE_KEY_INVALID`.
 */
export const loadIdentity = async (path: string): Promise<Identity> => {
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    const { x = '' } = privateKey.export({ format: 'jwk' });
    const about = `Ed25519 public key ${Buffer.from(x, 'base64url').toString('hex')}\n`;
    await writeFileDurably(path, `${about}${privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()}`, {
      mode: 0o600,
    });
  }
  try {
    const text = await readFile(path, 'latin1');
    const privateKey = createPrivateKey(text);
    const { d, x } = privateKey.export({ format: 'jwk' });
    if (privateKey.asymmetricKeyType !== 'ed25519' || d === undefined || x === undefined)
      throw new Error('it is not an Ed25519 key');
    createPublicKey(privateKey);
    const key = Buffer.from(x, 'base64url').toString('hex');
    const noted = PUBLIC_HALF.exec(text)?.[1] ?? key;
    if (noted !== key) throw new Error(`it is the key of ${key}, and says that it is that of ${noted}: it was changed`);
    return { seed: Buffer.from(d, 'base64url'), key };
  } catch (caught) {
    throw fault('NODE_KEY_INVALID', `the node's key ${path} cannot be read: ${textOf(caught)}`, {
      hint: RESTORE,
      cause: caught,
    });
  }
};

/**
 * The node's own key, made at its first start. Where a ledger was written with a key that is gone, none is made: the
 * node would be a stranger to its own policies. `NODE_KEY_MISSING`, `NODE_KEY_INVALID`.
 */
export const ownIdentity = async (paths: Pick<NodePaths, 'dir' | 'key' | 'ledger'>): Promise<Identity> => {
  if (!existsSync(paths.key) && (await hasJournal(paths)))
    throw fault('NODE_KEY_MISSING', `the directory ${paths.dir} holds a ledger, and the key ${paths.key} is gone`, {
      hint: RESTORE,
    });
  return loadIdentity(paths.key);
};
