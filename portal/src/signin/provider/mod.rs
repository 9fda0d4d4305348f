//! Signing in with the network's own identity provider: OpenID Connect Core 1.0, authorization code flow with PKCE
//! (RFC 7636), discovery, and the issuer in the answer where the provider tells it (RFC 9207).
//!
//! ```text
//! /signin/provider ──303──▶ provider ──303──▶ /signin/provider/back ──code, verifier──▶ tokens ──▶ who, what ──▶ in
//! ```
//! What was sent along waits in the browser's own session here and is taken once. Who somebody is comes from the claims,
//! or from an account of that subject kept here. Nothing about the person is logged: a refusal is counted by its reason.

mod claims;
mod http;
mod refusal;
mod routes;

pub use claims::{Entitled, Mapping, chart};
pub use refusal::Refusal;
pub(crate) use routes::{routes, signed_out};

use crate::accounts::Account;
use crate::fault::Fault;
use crate::sessions::Person;
use crate::state::Portal;
use claims::Extra;
use http::{Http, HttpFault};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm as Alg, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthenticationContextClass, AuthorizationCode, Client,
    ClientId, ClientSecret, CsrfToken, DiscoveryError, EmptyExtraTokenFields, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IdTokenClaims, IdTokenFields, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadataWithLogout,
    RedirectUrl, RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse,
    TokenResponse, UserInfoClaims, UserInfoError,
};
use openidconnect::{ClaimsVerificationError, SignatureVerificationError};
use rustls::ClientConfig;
use sekisho_domain::TimeMs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

/// For how long what the provider says of itself is believed.
const KNOWN_MS: u64 = 3_600_000;
/// And how soon it is asked again where a token is signed with a key it did not tell of.
const KNOWN_AGAIN_MS: u64 = 60_000;
/// Longest subject (OpenID Connect Core §2).
const SUBJECT_BYTES_MAX: usize = 255;
/// Signatures that are taken: those of a key only the provider has.
const ALGORITHMS: [Alg; 9] = [
    Alg::RsaSsaPkcs1V15Sha256,
    Alg::RsaSsaPkcs1V15Sha384,
    Alg::RsaSsaPkcs1V15Sha512,
    Alg::RsaSsaPssSha256,
    Alg::RsaSsaPssSha384,
    Alg::RsaSsaPssSha512,
    Alg::EcdsaP256Sha256,
    Alg::EcdsaP384Sha384,
    Alg::EdDsa,
];

type Fields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    Alg,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type OpenId = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;
type Claims = IdTokenClaims<Extra, CoreGenderClaim>;

/// The network's identity provider, and how it is spoken to.
#[derive(Clone)]
pub struct ProviderSettings {
    /// Its issuer, exactly as its discovery document says.
    pub issuer: String,
    /// As it knows this portal.
    pub client_id: String,
    /// And knows it to be this portal.
    pub client_secret: Option<String>,
    /// Asked for beside `openid`.
    pub scopes: Vec<String>,
    /// What its claims mean.
    pub mapping: Mapping,
    /// One of these `acr` is asked of officers, and of anybody before an emergency; empty: not asked.
    pub strong_acr: Vec<String>,
    /// One of these `amr` likewise.
    pub strong_amr: Vec<String>,
    /// Certificates it must lead to.
    pub tls: ClientConfig,
}

impl std::fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProviderSettings({})", self.issuer)
    }
}

/// What waits in the browser's session until it comes back.
#[derive(Debug)]
pub struct Away {
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    /// Where they wanted to go.
    to: String,
    /// Who must come back, where they are signed in already.
    again: Option<String>,
}

/// Somebody the provider vouches for.
struct Known {
    person: Person,
    /// When they last showed who they are, strongly enough.
    shown_at: TimeMs,
    token: Arc<str>,
}

/// What the provider says of itself.
struct Discovered {
    at: TimeMs,
    client: OpenId,
    end_session: Option<openidconnect::url::Url>,
}

/// The provider, as this portal knows it.
pub(crate) struct Provider {
    settings: ProviderSettings,
    redirect: String,
    http: Http,
    discovered: Mutex<Option<Arc<Discovered>>>,
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl Provider {
    pub fn new(settings: ProviderSettings, origin: &str) -> Self {
        let plain = settings.issuer.starts_with("http://");
        Self {
            http: Http::new(settings.tls.clone(), plain),
            redirect: format!("{origin}/signin/provider/back"),
            discovered: Mutex::default(),
            refused: Default::default(),
            settings,
        }
    }

    /// How many were not let in, by reason.
    pub fn refused(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        let counts = self.refused.iter().map(|n| n.load(Ordering::Relaxed));
        Refusal::ALL.into_iter().zip(counts)
    }

    /// Counts a refusal: all that is kept of it.
    fn counted(&self, refusal: Refusal) -> Fault {
        if let Some(count) = self.refused.get(refusal as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        tracing::warn!(
            reason = refusal.code(),
            "a sign-in with the provider was refused"
        );
        let (status, id) = refusal.said();
        Fault::SignIn(status, id)
    }

    /// What the provider says of itself, not older than `max_ms`.
    async fn discovered(&self, now: TimeMs, max_ms: u64) -> Result<Arc<Discovered>, Refusal> {
        let mut known = self.discovered.lock().await;
        if let Some(known) = known.as_ref()
            && now.0.saturating_sub(known.at.0) < max_ms
        {
            return Ok(Arc::clone(known));
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|_| Refusal::Down)?;
        let found = ProviderMetadataWithLogout::discover_async(issuer, &self.http).await;
        let metadata = found.map_err(|error| {
            let why = match &error {
                DiscoveryError::Request(HttpFault::Reach(_)) => "not reached",
                DiscoveryError::Request(HttpFault::Late) => "late",
                DiscoveryError::Request(fault) if fault.is_too_large() => "too large",
                DiscoveryError::Request(_) => "broke off",
                DiscoveryError::Response(..) => "an error",
                _ => "not its discovery document",
            };
            tracing::warn!(why, "the identity provider does not say what it is");
            Refusal::Down
        })?;
        let fresh = Arc::new(self.of(metadata, now).ok_or(Refusal::Down)?);
        *known = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    fn of(&self, metadata: ProviderMetadataWithLogout, now: TimeMs) -> Option<Discovered> {
        let end_session = metadata.additional_metadata().end_session_endpoint.as_ref();
        let end_session = end_session.map(|url| url.url().clone());
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes = |method| methods.is_some_and(|all| all.contains(&method));
        let in_body = takes(CoreClientAuthMethod::ClientSecretPost)
            && !takes(CoreClientAuthMethod::ClientSecretBasic);
        metadata.token_endpoint()?;
        let secret = self.settings.client_secret.clone().map(ClientSecret::new);
        let id = ClientId::new(self.settings.client_id.clone());
        let redirect = RedirectUrl::new(self.redirect.clone()).ok()?;
        let client = OpenId::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(redirect)
            .set_auth_type(if in_body {
                AuthType::RequestBody
            } else {
                AuthType::BasicAuth
            });
        Some(Discovered {
            at: now,
            client,
            end_session,
        })
    }

    /// Where to send a browser, and what to remember until it is back. `again`: who must show who they are anew.
    async fn begin(
        &self,
        to: String,
        again: Option<String>,
        now: TimeMs,
    ) -> Result<(String, Away), Refusal> {
        let known = self.discovered(now, KNOWN_MS).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = known
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        if again.is_some() {
            request = request
                .add_prompt(CoreAuthPrompt::Login)
                .set_max_age(Duration::ZERO);
            for acr in &self.settings.strong_acr {
                request =
                    request.add_auth_context_value(AuthenticationContextClass::new(acr.clone()));
            }
        }
        let (url, state, nonce) = request.url();
        let away = Away {
            state,
            nonce,
            verifier,
            to,
            again,
        };
        Ok((url.to_string(), away))
    }

    /// Somebody is back with a code:
    ///
    /// 1. the state is that of what this browser was sent away with, and the issuer is ours;
    /// 2. the provider gives tokens for the code and the verifier only this portal has;
    /// 3. the token is signed by the provider, of now, for this portal, with the nonce;
    /// 4. what the token does not say of them, the user-info endpoint is asked, about the same subject;
    /// 5. their account here, or the claims, say what they are;
    /// 6. and what they showed is enough for it.
    async fn back(&self, portal: &Portal, away: &Away, back: &Back) -> Result<Known, Refusal> {
        let now = portal.environment.now();
        let same: bool = back
            .state
            .as_bytes()
            .ct_eq(away.state.secret().as_bytes())
            .into();
        if !same
            || back
                .iss
                .as_ref()
                .is_some_and(|iss| *iss != self.settings.issuer)
        {
            return Err(Refusal::Mixed);
        }
        if back.error.is_some() || back.code.is_empty() {
            return Err(Refusal::Declined);
        }
        let known = self.discovered(now, KNOWN_MS).await?;
        let tokens = self.exchange(&known, away, &back.code).await?;
        let (claims, known) = self.verified(known, &tokens, &away.nonce, now).await?;
        let subject = claims.subject().as_str();
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX {
            return Err(Refusal::Token);
        }
        let mut extra = claims.additional_claims().clone();
        if !extra.has(&self.settings.mapping.role) {
            self.ask_more(&known, &claims, tokens.access_token(), &mut extra)
                .await?;
        }
        let account = format!("{}{subject}", Account::PROVIDER);
        let kept = {
            let account = account.clone();
            portal.accounts(move |accounts| accounts.get(&account))
        };
        // Without knowing whether they are disabled here, nobody is let in.
        let person = match kept.await.map_err(|_| Refusal::Down)? {
            Some(kept) if kept.disabled => return Err(Refusal::Disabled),
            Some(kept) => Person::of(&kept),
            None => Person {
                account,
                shown: shown(&claims),
                holder: self.settings.mapping.holder(&extra)?,
            },
        };
        let strong = self.is_strong(&claims);
        let officer = person.holder.kind() == crate::accounts::Kind::Officer;
        if !strong && (officer || away.again.is_some()) {
            return Err(Refusal::Weak);
        }
        if away
            .again
            .as_ref()
            .is_some_and(|who| *who != person.account)
        {
            return Err(Refusal::Other);
        }
        // When they showed who they are, not when they came here: the provider may have known them since the morning.
        let at_ms = claims.auth_time().map(|at| at.timestamp_millis());
        let at_ms = at_ms.and_then(|at| u64::try_from(at).ok()).unwrap_or(0);
        let shown_at = match strong {
            true => TimeMs(at_ms.min(now.0)),
            false => TimeMs(0),
        };
        let token = tokens
            .id_token()
            .map(ToString::to_string)
            .unwrap_or_default();
        Ok(Known {
            person,
            shown_at,
            token: token.into(),
        })
    }

    async fn exchange(
        &self,
        known: &Discovered,
        away: &Away,
        code: &str,
    ) -> Result<Tokens, Refusal> {
        let request = known
            .client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| Refusal::Down)?
            .set_pkce_verifier(PkceCodeVerifier::new(away.verifier.secret().clone()));
        let tokens = request.request_async(&self.http).await;
        tokens.map_err(|error| match error {
            RequestTokenError::Request(_) => Refusal::Down,
            RequestTokenError::ServerResponse(_) => Refusal::Code,
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => Refusal::Token,
        })
    }

    /// The token's claims, if they hold; asks the provider for its keys again where it has new ones.
    async fn verified(
        &self,
        known: Arc<Discovered>,
        tokens: &Tokens,
        nonce: &Nonce,
        now: TimeMs,
    ) -> Result<(Claims, Arc<Discovered>), Refusal> {
        let mut known = known;
        let mut claims = verify(&known, tokens, nonce);
        if let Err(ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        )) = claims
        {
            known = self.discovered(now, KNOWN_AGAIN_MS).await?;
            claims = verify(&known, tokens, nonce);
        }
        let claims = claims.map_err(|error| {
            let why = match error {
                ClaimsVerificationError::Expired(_) => "expired",
                ClaimsVerificationError::InvalidAudience(_) => "audience",
                ClaimsVerificationError::InvalidIssuer(_) => "issuer",
                ClaimsVerificationError::InvalidNonce(_) => "nonce",
                ClaimsVerificationError::SignatureVerification(_) => "signature",
                _ => "something else",
            };
            tracing::warn!(why, "the identity provider's token does not hold");
            Refusal::Token
        })?;
        Ok((claims.clone(), known))
    }

    async fn ask_more(
        &self,
        known: &Discovered,
        claims: &Claims,
        token: &AccessToken,
        extra: &mut Extra,
    ) -> Result<(), Refusal> {
        let subject = Some(claims.subject().clone());
        let Ok(request) = known.client.user_info(token.clone(), subject) else {
            return Ok(());
        };
        let more: Result<UserInfoClaims<Extra, CoreGenderClaim>, _> =
            request.request_async(&self.http).await;
        let more = more.map_err(|error| match error {
            UserInfoError::Request(_) => Refusal::Down,
            _ => Refusal::Token,
        })?;
        extra.add(more.additional_claims());
        Ok(())
    }

    /// Whether what somebody showed is what is asked of officers; so it is where nothing is asked.
    fn is_strong(&self, claims: &Claims) -> bool {
        let (acr, amr) = (&self.settings.strong_acr, &self.settings.strong_amr);
        let class = claims.auth_context_ref().map(|acr| acr.as_str());
        let by_class = class.is_some_and(|class| acr.iter().any(|one| one == class));
        let methods = claims.auth_method_refs().map_or(&[][..], Vec::as_slice);
        let by_method = methods
            .iter()
            .any(|method| amr.iter().any(|one| one == method.as_str()));
        (acr.is_empty() && amr.is_empty()) || by_class || by_method
    }

    /// Where a browser goes to end its session with the provider, too.
    async fn end_session(&self, token: &str, origin: &str, now: TimeMs) -> Option<String> {
        let known = self.discovered(now, KNOWN_MS).await.ok()?;
        let mut url = known.end_session.clone()?;
        url.query_pairs_mut()
            .append_pair("id_token_hint", token)
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("post_logout_redirect_uri", &format!("{origin}/signin"));
        Some(url.to_string())
    }
}

fn verify<'a>(
    known: &Discovered,
    tokens: &'a Tokens,
    nonce: &Nonce,
) -> Result<&'a Claims, ClaimsVerificationError> {
    let token = tokens
        .id_token()
        .ok_or_else(|| ClaimsVerificationError::Other("no token".to_owned()))?;
    let verifier = known
        .client
        .id_token_verifier()
        .set_allowed_algs(ALGORITHMS);
    let claims = token.claims(&verifier, nonce)?;
    // The access token beside it is the one it was given with (OpenID Connect Core §3.1.3.8).
    if let Some(told) = claims.access_token_hash() {
        let other = |e: &dyn std::fmt::Display| ClaimsVerificationError::Other(e.to_string());
        let alg = token.signing_alg().map_err(|e| other(&e))?;
        let key = token.signing_key(&verifier).map_err(|e| other(&e))?;
        let hash = AccessTokenHash::from_token(tokens.access_token(), alg, key);
        if hash.map_err(|e| other(&e))? != *told {
            return Err(other(&"access token"));
        }
    }
    Ok(claims)
}

/// As the provider names somebody, within the bounds of a shown name.
fn shown(claims: &Claims) -> String {
    let name = claims
        .name()
        .and_then(|name| name.get(None))
        .map(|n| n.as_str());
    let other = claims.preferred_username().map(|n| n.as_str());
    let name = name.or(other).unwrap_or(claims.subject().as_str());
    let mut text = String::new();
    for c in name.chars().filter(|c| !c.is_control()) {
        if text.len() + c.len_utf8() > Account::SHOWN_BYTES_MAX {
            break;
        }
        text.push(c);
    }
    text
}

/// What a browser brings back (RFC 6749 §4.1.2, RFC 9207 §2).
#[derive(serde::Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    error: Option<String>,
    iss: Option<String>,
}

#[cfg(test)]
#[path = "provider_test.rs"]
mod tests;
