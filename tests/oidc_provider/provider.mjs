// A real OpenID provider for tests: code flow with PKCE, one public client, people as the environment says.
//
// ISSUER_PORT, CLIENT_ID, REDIRECT_URI, JWKS (private keys), PEOPLE ({login: claims}), and optionally ALGORITHM.
import Provider from 'oidc-provider';

const port = Number(process.env.ISSUER_PORT);
const people = JSON.parse(process.env.PEOPLE);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: process.env.CLIENT_ID,
      redirect_uris: [process.env.REDIRECT_URI],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      id_token_signed_response_alg: process.env.ALGORITHM ?? 'RS256',
    },
  ],
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
  jwks: JSON.parse(process.env.JWKS),
  claims: { openid: ['sub'], profile: ['name', 'participant'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['for-tests-only'] },
  pkce: { required: () => true },
  findAccount: async (_, login) => people[login] && { accountId: login, claims: async () => ({ sub: login, ...people[login] }) },
});
provider.listen(port, '127.0.0.1', () => console.log('listening'));
