// An OAuth 2.0 authorization server made of oidc-provider with a store in memory, for tests. Every
// user is logged in and consents. It prints its port, and ends when its standard input does. POST
// /advance?seconds=N moves its clock. POST /user?name=N&roles=R,R sets the user of further browsers.
import http from "node:http";
for (const name of ["log", "info", "warn"]) console[name] = console.error; // standard output is for the port

const { default: Provider } = await import("oidc-provider");
const [secret] = process.argv.slice(2);

let ahead = 0;
let user = "alice";
const users = {}; // the roles of each user
const now = Date.now;
Date.now = () => now() + ahead;

const server = http.createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address();

const common = { redirect_uris: ["http://127.0.0.1/callback"], application_type: "native" };
const grants = ["authorization_code", "refresh_token", "client_credentials"];
const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
        { client_id: "roster", client_secret: secret, grant_types: grants, token_endpoint_auth_method: "client_secret_basic", ...common },
        { client_id: "roster-post", client_secret: secret, grant_types: grants, token_endpoint_auth_method: "client_secret_post", ...common },
        { client_id: "roster-public", grant_types: grants.slice(0, 2), token_endpoint_auth_method: "none", ...common },
        { client_id: "roster-pages", client_secret: secret, grant_types: grants.slice(0, 1), ...common, redirect_uris: ["http://127.0.0.1/login/callback"] },
        { client_id: "roster-code-only", client_secret: secret, grant_types: grants.slice(0, 1), ...common },
    ],
    scopes: ["openid", "offline_access", "scim", "profile", "email", "roles"],
    claims: { openid: ["sub"], profile: ["name"], email: ["email"], roles: ["roles"] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    expiresWithSession: async () => false,
    issueRefreshToken: async (ctx, client) => client.grantTypeAllowed("refresh_token"),
    ttl: { AccessToken: 600, ClientCredentials: 600, RefreshToken: 86400, AuthorizationCode: 60, Grant: 86400, Interaction: 600, Session: 600 },
    features: {
        clientCredentials: { enabled: true },
        resourceIndicators: {
            enabled: true,
            getResourceServerInfo: (ctx, resource) => ({
                audience: resource, scope: "scim", accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg: "RS256" } },
            }),
        }, introspection: { enabled: true }, revocation: { enabled: true },
        devInteractions: { enabled: false },
    },
    cookies: { keys: ["for tests"] },
    extraTokenClaims: (ctx, token) => ({ roles: users[token.accountId ?? token.clientId] }),
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, name: id, email: `${id}@example.com`, roles: users[id] }) }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    async loadExistingGrant(ctx) {
        const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
        grant.addOIDCScope("openid offline_access scim profile email roles");
        await grant.save();
        return grant;
    },
});

const handle = provider.callback();
server.on("request", async (req, res) => {
    const url = new URL(req.url, provider.issuer);
    if (url.pathname === "/advance") {
        ahead += 1000 * Number(url.searchParams.get("seconds"));
        res.end();
    } else if (url.pathname === "/user") {
        user = url.searchParams.get("name");
        users[user] = url.searchParams.get("roles").split(",");
        res.end();
    } else if (url.pathname.startsWith("/interaction/")) {
        await provider.interactionFinished(req, res, { login: { accountId: user }, consent: {} });
    } else {
        handle(req, res);
    }
});
process.stdout.write(`${port}\n`);
process.stdin.on("end", () => process.exit(0)).resume();
