//! A patient's card: what its text, mostly a QR code, says.

use crate::NodeError;
use crate::blocking::blocking;
use crate::environment::Environment;
use crate::environment::random;
use crate::node::Inner;
use crate::operate::shown::{Shown, of_chart};
use sekisho_domain::NetworkId;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// How a card begins; behind it the network and the secret, in hexadecimal digits.
const CARD: &str = "sekisho:card:v1:";
/// Bytes of a card's secret.
const CARD_BYTES: usize = 16;

/// Whose network's card it is, and its secret, which is shown to no other.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    /// The network that issued it.
    pub network: NetworkId,
    pub(crate) secret: [u8; CARD_BYTES],
}

impl Card {
    pub(super) fn fresh(
        network: NetworkId,
        environment: &dyn Environment,
    ) -> Result<Self, NodeError> {
        let secret = random(environment)?;
        Ok(Self { network, secret })
    }
}

impl FromStr for Card {
    type Err = NodeError;
    fn from_str(text: &str) -> Result<Self, NodeError> {
        let parse = || {
            let (network, secret) = text.trim().strip_prefix(CARD)?.rsplit_once(':')?;
            Some(Self {
                network: network.parse().ok()?,
                secret: hex::decode(secret).ok()?.try_into().ok()?,
            })
        };
        parse().ok_or(NodeError::Invalid("this is not what a patient's card says"))
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CARD}{}:{}", self.network, hex::encode(self.secret))
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Card({}, withheld)", self.network)
    }
}

/// Who holds a card of this network.
///
/// # Errors
/// [`NodeError::NoSuchPatient`]: nobody, or it was replaced; it is another network's; a store failed.
pub(super) async fn holder(inner: &Arc<Inner>, card: Card) -> Result<Shown, NodeError> {
    let inner = Arc::clone(inner);
    blocking(move || {
        let known = match card.network == inner.network {
            true => inner.store.card(&card.secret)?,
            false => None,
        };
        let subject = known.ok_or(NodeError::NoSuchPatient)?;
        let chart = inner.store.charts_of(&subject)?.into_iter().next();
        of_chart(&inner, &chart.ok_or(NodeError::NoSuchPatient)?)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_its_network_and_its_secret_or_is_none() {
        let card = Card {
            network: "pikapikalink".parse().unwrap(),
            secret: [7; CARD_BYTES],
        };
        assert_eq!(card.to_string().parse::<Card>().unwrap(), card);
        assert!(!format!("{card:?}").contains("07"));
        for broken in [
            "",
            "sekisho:card:v1:",
            "sekisho:card:v1:pikapikalink",
            "sekisho:card:v1:pikapikalink:07",
            "sekisho:card:v2:pikapikalink:07070707070707070707070707070707",
            "sekisho:card:v1:PIKA!:07070707070707070707070707070707",
            "sekisho:card:v1:pikapikalink:zz070707070707070707070707070707",
        ] {
            assert!(broken.parse::<Card>().is_err(), "{broken}");
        }
    }
}
