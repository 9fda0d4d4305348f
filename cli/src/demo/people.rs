//! Who may sign in to the demo's pages: a physician, a nurse, a patient, an officer and an operator of each network.

use super::facts::NetworkFacts;
use crate::commands::serve::accounts_path;
use crate::config::Config;
use crate::ops::now;
use crate::ui::{Exit, Failure};
use sekisho_documents::Patient;
use sekisho_domain::{DomainError, FacilityId, Role};
use sekisho_portal::accounts::{Account, Accounts, By, DEMO_PASSWORD, Hashed, Holder, Second};
use sekisho_sample::SampleReport;
use std::path::Path;

/// Writes the accounts of one network.
///
/// # Errors
/// They cannot be written.
pub(super) fn accounts(
    sample: &SampleReport,
    facts: &NetworkFacts,
    config: &Path,
) -> Result<(), Failure> {
    let failed = |e: &(dyn std::error::Error + 'static)| {
        Failure::of(
            Exit::Usage,
            "デモの利用者を作ることが",
            "make the demo's accounts",
            e,
        )
    };
    let config = Config::load(config).map_err(|e| Failure::usage(e.to_string(), e.to_string()))?;
    std::fs::create_dir_all(&config.data).map_err(|e| failed(&e))?;
    let accounts = Accounts::open(&accounts_path(&config)).map_err(|e| failed(&e))?;
    let password = Hashed::of(DEMO_PASSWORD).map_err(|e| failed(&e))?;
    let (code, hospital, _) = facts.hospitals[0];
    let facility: FacilityId = code.parse().map_err(|e: DomainError| failed(&e))?;
    let mut people = vec![
        (
            "doctor",
            format!("{hospital} 医師（デモ）"),
            Holder::Clinician {
                practitioner: format!("dr-{code}"),
                profession: Role::Physician,
                facilities: [facility.clone()].into(),
            },
        ),
        (
            "nurse",
            format!("{hospital} 看護師（デモ）"),
            Holder::Clinician {
                practitioner: format!("nurse-{code}"),
                profession: Role::Nurse,
                facilities: [facility.clone()].into(),
            },
        ),
        (
            "officer",
            format!("{} 監査担当（デモ）", facts.name),
            Holder::Officer {
                practitioner: "officer-1".to_owned(),
            },
        ),
        (
            "operator",
            format!("{} 運用担当（デモ）", facts.name),
            Holder::Operator,
        ),
    ];
    // Of those who come to this hospital from elsewhere, the one who consents in the story; who speaks for the other.
    let travellers = sample
        .travellers()
        .filter_map(|person| person.at.iter().find(|at| at.facility == facility));
    let charts = travellers.take(2).map(|at| {
        Ok(Patient {
            facility: facility.clone(),
            local_patient_id: at.local_id.parse()?,
        })
    });
    let charts: Result<Vec<_>, sekisho_documents::Error> = charts.collect();
    let mut represents = charts.map_err(|e| failed(&e))?;
    if let Some(chart) = represents.pop() {
        let holder = Holder::Patient { chart, represents };
        people.push(("patient", format!("{hospital} の患者（デモ）"), holder));
    }
    for (name, shown, holder) in people {
        let mut account = Account::new(name, &shown, holder, Some(password.clone()));
        account.second = Second::Waived;
        accounts
            .add(&account, &By::account("demo", now()))
            .map_err(|e| failed(&e))?;
    }
    Ok(())
}
