//! What the ledger decided, in sentences.

use crate::Words;
use crate::listed;
use sekisho_domain::{Basis, Decision, Footing, NetworkId, Outcome, PermitTerms};

/// One network's decision in one line.
pub fn decision(network: &NetworkId, decision: &Decision) -> Words {
    match decision {
        Decision::Permit(terms) => {
            let (bases, marked) = (bases(terms), footing(terms.footing));
            Words::new(
                format!("{network}：{}許可（{}）", marked.ja, bases.ja),
                format!("{network}: {}permitted ({})", marked.en, bases.en),
            )
        }
        Decision::Deny(denial) => Words::new(
            format!("{network}：不許可。{}", denial.reason.ja()),
            format!("{network}: denied, {}", denial.reason.en()),
        ),
    }
}

/// What a permit stands on, where that is not consent: said first, so that nobody takes a drill or an emergency
/// for everyday care.
pub fn footing(footing: Footing) -> Words {
    match footing {
        Footing::Consent | Footing::Agreement => Words::new("", ""),
        other => Words::new(format!("【{}】", other.ja()), format!("[{}] ", other.en())),
    }
}

/// Under which agreements and consents a permit stands.
fn bases(terms: &PermitTerms) -> Words {
    listed(terms.bases.iter().map(basis))
}

/// One grant, or a network's own documents, and the consents it rests on.
pub fn basis(basis: &Basis) -> Words {
    let consents: Vec<_> = basis.consents.iter().map(ToString::to_string).collect();
    let consents = consents.join(", ");
    let consents = if consents.is_empty() {
        Words::new("同意によらない", "not resting on consent")
    } else {
        Words::new(
            format!("同意：台帳 {consents} 番"),
            format!("consents at index {consents}"),
        )
    };
    match &basis.grant {
        Some((agreement, grant)) => {
            let (id, version, grant) = (&agreement.id, agreement.version, grant + 1);
            Words::new(
                format!("協定 {id} 第{version}版 第{grant}項、{}", consents.ja),
                format!(
                    "agreement {id} version {version}, grant {grant}; {}",
                    consents.en
                ),
            )
        }
        None => Words::new(
            format!("自ネットワークの文書、{}", consents.ja),
            format!("the network's own documents; {}", consents.en),
        ),
    }
}

/// What an entry came to.
pub fn outcome(outcome: &Outcome) -> Words {
    match outcome {
        Outcome::Accepted => Words::new("有効", "accepted"),
        Outcome::Refused(reason) => Words::new(
            format!("効力なし：{}", reason.ja()),
            format!("without effect: {}", reason.en()),
        ),
        Outcome::Decided(decisions) => {
            let permitted = decisions
                .iter()
                .filter(|(_, d)| matches!(d, Decision::Permit(_)))
                .count();
            let denied = decisions.len() - permitted;
            Words::new(
                format!("許可 {permitted}、不許可 {denied}"),
                format!("{permitted} permitted, {denied} denied"),
            )
        }
    }
}
