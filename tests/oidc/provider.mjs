// A certified OpenID Connect provider (npm oidc-provider) for the tests of signing in, on a loopback port.
//
// What it is comes as JSON in the first argument: {cookie, client, claimsInIdToken, accounts: {sub: claims}}.
// It prints {"issuer": …} once it serves, and ends with whoever holds the other end of its standard input.
// Signing in is its own page, as anywhere: the form at /interaction/UID asks for the account's name only.
// PUT /accounts/SUB is for the tests: what the provider says of an account from now on.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const given = JSON.parse(process.argv[2]);
const accounts = new Map(Object.entries(given.accounts));

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

function key(type, options, more) {
  return { ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', ...more };
}

const configuration = {
  clients: [given.client],
  jwks: {
    keys: [
      key('rsa', { modulusLength: 2048 }, { kid: 'rsa', alg: 'RS256' }),
      key('ec', { namedCurve: 'P-256' }, { kid: 'ec', alg: 'ES256' }),
    ],
  },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: !given.claimsInIdToken,
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  cookies: {
    keys: ['of a test'],
    names: {
      session: `${given.cookie}_session`,
      interaction: `${given.cookie}_interaction`,
      resume: `${given.cookie}_resume`,
    },
  },
  findAccount: (_ctx, sub) =>
    accounts.has(sub) ? { accountId: sub, claims: () => ({ sub, ...accounts.get(sub) }) } : undefined,
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: { Session: 3600, Grant: 3600, Interaction: 600, IdToken: 600, AccessToken: 600 },
  // The platform under test is on this machine, where the provider would not go by itself.
  fetch: (url, { dispatcher: _guard, ...options }) => fetch(url, options),
};

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function interaction(provider, request, response) {
  const { prompt, params } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/html');
    response.end(`<form method="post"><p>${prompt.name}</p><input name="account"><button>Sign in</button></form>`);
    return;
  }
  const account = new URLSearchParams(await body(request)).get('account');
  if (!accounts.has(account)) {
    const error = { error: 'access_denied', error_description: '<script>alert("no such account")</script>' };
    await provider.interactionFinished(request, response, error);
    return;
  }
  const grant = new provider.Grant({ accountId: account, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { login: { accountId: account }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result);
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const provider = new Provider(`http://127.0.0.1:${server.address().port}`, configuration);
  const serve = provider.callback();
  server.on('request', async (request, response) => {
    try {
      if (request.url.startsWith('/interaction/')) {
        await interaction(provider, request, response);
      } else if (request.method === 'PUT' && request.url.startsWith('/accounts/')) {
        accounts.set(request.url.slice('/accounts/'.length), JSON.parse(await body(request)));
        response.writeHead(204).end();
      } else {
        serve(request, response);
      }
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  process.stdout.write(`${JSON.stringify({ issuer: provider.issuer })}\n`);
});
