// A real OpenID Connect provider on this machine: `node provider.mjs NODE_MODULES PORT REDIRECT_URI`.
//
// Whoever gives an email address is that person; `…+unconfirmed@…` has not confirmed it. PKCE is demanded of everybody.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [modules, port, redirect] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{
    client_id: 'activity', client_secret: 'a-secret-of-tests', redirect_uris: [redirect], post_logout_redirect_uris: [redirect],
  }],
  pkce: { required: () => true, methods: ['S256'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  cookies: { keys: ['signs-the-cookies-of-a-test'] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: !id.includes('+unconfirmed'), name: 'Somebody' }),
  }),
});

createServer(provider.callback()).listen(Number(port), '127.0.0.1', () => console.log('ready'));
