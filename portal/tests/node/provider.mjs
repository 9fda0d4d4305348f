// A certified OpenID provider on loopback with invented people, for portal/src/signin/provider.
// usage: node provider.mjs <node_modules folder> <origin of the portal>; says its issuer on the first line of its output.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, origin] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

const people = {
  doctor: { name: "見本 太郎", roles: ["staff", "doctors"], number: "dr-1", facilities: ["4011234567"] },
  patient: { name: "見本 花子", roles: ["patients"], chart: "4011234567/K-1" },
  officer: { name: "見本 監査", roles: ["compliance"], number: "officer-1" },
  operator: { name: "見本 運用", roles: ["it"] },
  guest: { name: "見本 客", roles: ["guests"] },
};

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "sekisho",
        client_secret: "not much of a secret",
        redirect_uris: [`${origin}/signin/provider/back`],
        post_logout_redirect_uris: [`${origin}/signin`],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], sekisho: ["name", "roles", "number", "facilities", "chart"] },
    scopes: ["openid", "sekisho"],
    pkce: { required: () => true },
    cookies: { keys: ["for tests alone"] },
    async findAccount(_, sub) {
      return { accountId: sub, claims: async () => ({ sub, ...people[sub] }) };
    },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
// Ends with whoever started it.
process.stdin.on("end", () => process.exit(0)).resume();
