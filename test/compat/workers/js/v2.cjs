// The AWS SDK for JavaScript v2: reads situations as JSON lines, answers each with a JSON line.
'use strict';
const readline = require('node:readline');

process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
const AWS = require('aws-sdk');

const sources = {
  EnvironmentCredentials: 'env', SharedIniFileCredentials: '', SsoCredentials: 'sso', ProcessCredentials: 'process', ECSCredentials: 'container',
  RemoteCredentials: 'container', TokenFileWebIdentityCredentials: 'webid', EC2MetadataCredentials: 'imds',
};

// patience is for how long the SDK may keep silent: on some answers of the metadata service it never calls back.
const patience = 3000;

// nothing is what the last source of the chain, the metadata service, says where there is none.
const nothing = /EC2 Metadata roleName request returned error|EC2 Instance Metadata Service access disabled/;

function resolve({ env, profile }) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  AWS.util.iniLoader.clearCachedFiles();
  AWS.config = new AWS.Config(); // as when the SDK is loaded
  // This SDK knows no variables for endpoints.
  AWS.config.update({
    sts: { endpoint: env.AWS_ENDPOINT_URL_STS }, sso: { endpoint: env.AWS_ENDPOINT_URL_SSO }, ssooidc: { endpoint: env.AWS_ENDPOINT_URL_SSO_OIDC },
  });
  return new Promise((done, failed) => {
    const silent = setTimeout(() => done({ kind: 'error', detail: 'no answer' }), patience);
    const uncaught = (error) => finish(() => done({ kind: 'error', detail: `uncaught: ${error.message}` }));
    const finish = (f) => { clearTimeout(silent); process.removeListener('uncaughtException', uncaught); f(); };
    process.once('uncaughtException', uncaught);
    const got = (error, credentials) => finish(() => {
      if (error) done({ kind: !profile && nothing.test(error.message) ? 'none' : 'error', detail: error.message });
      else done({ kind: 'ok', akid: credentials.accessKeyId, source: sources[credentials.constructor.name] ?? '' });
    });
    try {
      if (profile) {
        const credentials = new AWS.SharedIniFileCredentials({ profile });
        credentials.get((error) => got(error, credentials));
      } else {
        new AWS.CredentialProviderChain().resolve(got);
      }
    } catch (error) {
      finish(() => failed(error));
    }
  });
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let out;
    try {
      out = await resolve(JSON.parse(line));
    } catch (error) {
      out = { kind: 'error', detail: `thrown: ${error.message}` };
    }
    process.stdout.write(`${JSON.stringify(out)}\n`);
  }
})();
