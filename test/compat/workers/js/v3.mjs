// The AWS SDK for JavaScript v3: reads situations as JSON lines, answers each with a JSON line.
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import readline from 'node:readline';

const require = createRequire(import.meta.url);
console.warn = () => {};
process.on('unhandledRejection', () => {}); // of what the SDK began and did not wait for

// The SDK remembers files by path. Every look at its table of intercepted files reads the disk instead.
const { externalDataInterceptor } = require('@smithy/core/config');
Object.setPrototypeOf(externalDataInterceptor.getFileRecord(), new Proxy({}, {
  get: (_, path) => {
    if (typeof path !== 'string') return undefined;
    const text = readFile(path, 'utf8');
    text.catch(() => {}); // the SDK looks at it again, and may look away
    return text;
  },
}));

// The credential providers keep state of their own (when a token was last refreshed): they are loaded afresh.
function freshProvider() {
  for (const name of Object.keys(require.cache)) {
    if (/@aws-sdk\/(credential-provider-|token-providers)/.test(name)) delete require.cache[name];
  }
  return require('@aws-sdk/credential-provider-node').defaultProvider;
}

const sources = {
  CREDENTIALS_ENV_VARS: 'env', CREDENTIALS_PROFILE: 'static', CREDENTIALS_PROFILE_PROCESS: 'process', CREDENTIALS_PROCESS: 'process',
  CREDENTIALS_PROFILE_SSO: 'sso', CREDENTIALS_PROFILE_SSO_LEGACY: 'sso', CREDENTIALS_SSO: 'sso', CREDENTIALS_SSO_LEGACY: 'sso',
  CREDENTIALS_LOGIN: 'login', CREDENTIALS_HTTP: 'container', CREDENTIALS_IMDS: 'imds',
  CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN: 'webid', CREDENTIALS_PROFILE_STS_WEB_ID_TOKEN: 'webid', CREDENTIALS_STS_ASSUME_ROLE_WEB_ID: 'webid',
};

async function answer({ env, profile }) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  try {
    const credentials = await freshProvider()({ profile: profile || undefined })();
    const said = Object.keys(credentials.$source ?? {});
    const kinds = [...new Set(said.map((s) => sources[s]).filter(Boolean))];
    return { kind: 'ok', akid: credentials.accessKeyId, source: kinds.length === 1 ? kinds[0] : '' };
  } catch (error) {
    const text = String(error?.message ?? error);
    return { kind: text.startsWith('Could not load credentials from any providers') ? 'none' : 'error', detail: `${error?.name}: ${text}` };
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
