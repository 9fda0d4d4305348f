//! What an agreement, or a new version of one, would change for the patients on a ledger, if it came into force: who
//! would become visible, who would no longer be, in each direction. Nothing is written: the agreement is proposed and
//! signed on a copy of the state, by the rules of the ledger itself, and the same requests are decided before and after.

mod ask;
mod sign;

use ask::Asker;
use sekisho_domain::{
    AccessRequest, Agreement, Category, Codes, Decision, NetworkId, RefusalReason, TimeMs,
};
use sekisho_ledger::store::{MemoryState, StateRead};
use sekisho_ledger::{CoreError, EntryFault, LeafError, View, authorize};
use serde::Serialize;

/// How many patients are looked at in one direction: with [`REQUESTS_MAX`] a bound on the work, some 51 million
/// decisions.
pub const PATIENTS_MAX: usize = 100_000;
/// How many requests are tried for one patient in one direction, before and after.
pub const REQUESTS_MAX: usize = 256;
/// Why nothing can be foretold.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The state contradicts itself.
    #[error(transparent)]
    State(#[from] CoreError<<MemoryState as StateRead>::Error>),
    /// A leaf of the state is none.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The ledger would refuse the proposal or a signature.
    #[error("the ledger would refuse it when {network} signs: {}", .reason.en())]
    Refused {
        /// Whose act.
        network: NetworkId,
        /// Why.
        reason: RefusalReason,
    },
    /// The entry would not even be taken up.
    #[error("the ledger would not take it up when {network} signs: {fault}")]
    NotTaken {
        /// Whose act.
        network: NetworkId,
        /// Why.
        fault: EntryFault,
    },
    /// A party without a governance key that is good.
    #[error("{0} is not a member of this ledger, or its governance key is revoked")]
    NotAMember(NetworkId),
}

/// What would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The instant for which it is decided: the later of the ledger's own time and the agreement's beginning.
    pub at: TimeMs,
    /// Each direction between two parties, before or after.
    pub directions: Vec<Change>,
}

/// What would change in one direction. `unchanged + gained + lost + wider + narrower + other = patients`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whose documents.
    pub disclosing: NetworkId,
    /// Who sees them.
    pub viewing: NetworkId,
    /// Patients known to both networks as one person.
    pub patients: usize,
    /// Of them those of whom something can be seen before.
    pub visible_before: usize,
    /// And after.
    pub visible_after: usize,
    /// Nothing before, something after.
    pub gained: usize,
    /// Something before, nothing after.
    pub lost: usize,
    /// More categories after than before.
    pub wider: usize,
    /// Fewer.
    pub narrower: usize,
    /// Some more and some fewer.
    pub other: usize,
    /// The same categories.
    pub unchanged: usize,
    /// Patients left out beyond [`PATIENTS_MAX`].
    pub left_out: usize,
    /// Patients for whom more than [`REQUESTS_MAX`] requests would have had to be tried: what they show is a part.
    pub in_part: usize,
}

/// What a preview is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reading the ledger's entries.
    Reading,
    /// Deciding for each patient, in all directions together.
    Deciding,
}

/// What would change if the agreement came into force on this state, for what rests on consent. `heard` gets what is
/// being done, how much of it is, and how much there is.
///
/// # Errors
/// [`PreviewError`]: the state cannot be read, or the ledger would refuse the agreement.
pub fn preview(
    state: &MemoryState,
    agreement: &Agreement,
    mut heard: impl FnMut(Step, u64, u64),
) -> Result<Preview, PreviewError> {
    let view = View(state);
    let now = view.meta()?.map_or(TimeMs(0), |meta| meta.time);
    let at = now.max(agreement.valid.from);
    let mut signed = state.clone();
    sign::all(&mut signed, agreement, now)?;
    let patients = ask::patients(state, &agreement.parties, |done, all| {
        heard(Step::Reading, done, all);
    })?;
    let grants = ask::grants(state, &signed, agreement)?;
    let total: usize = agreement.parties.len() * agreement.parties.len().saturating_sub(1);
    let mut directions = Vec::with_capacity(total);
    let asked = |d: &NetworkId, v: &NetworkId| ask::linked(view, &patients, d, v);
    let mut todo = Vec::new();
    for disclosing in &agreement.parties {
        for viewing in agreement.parties.iter().filter(|v| *v != disclosing) {
            todo.push((disclosing, viewing, asked(disclosing, viewing)?));
        }
    }
    let all: u64 = todo
        .iter()
        .map(|(.., pairs)| pairs.len().min(PATIENTS_MAX) as u64)
        .sum();
    let mut done = 0;
    for (disclosing, viewing, pairs) in todo {
        let asker = Asker::of(view, &patients, &grants, disclosing, viewing)?;
        let mut change = Change::none(disclosing, viewing);
        change.left_out = pairs.len().saturating_sub(PATIENTS_MAX);
        for (ours, theirs) in pairs.into_iter().take(PATIENTS_MAX) {
            let requests = asker.requests(&ours, &theirs);
            change.in_part += usize::from(requests.len() > REQUESTS_MAX);
            let tried = &requests[..requests.len().min(REQUESTS_MAX)];
            let before = seen(view, tried, at)?;
            let after = seen(View(&signed), tried, at)?;
            change.count(before, after);
            done += 1;
            heard(Step::Deciding, done, all);
        }
        directions.push(change);
    }
    Ok(Preview { at, directions })
}

impl Change {
    fn none(disclosing: &NetworkId, viewing: &NetworkId) -> Self {
        Self {
            disclosing: disclosing.clone(),
            viewing: viewing.clone(),
            patients: 0,
            visible_before: 0,
            visible_after: 0,
            gained: 0,
            lost: 0,
            wider: 0,
            narrower: 0,
            other: 0,
            unchanged: 0,
            left_out: 0,
            in_part: 0,
        }
    }
    fn count(&mut self, before: Codes<Category>, after: Codes<Category>) {
        self.patients += 1;
        self.visible_before += usize::from(!before.is_empty());
        self.visible_after += usize::from(!after.is_empty());
        let of = match (before.is_empty(), after.is_empty()) {
            _ if before == after => &mut self.unchanged,
            (true, _) => &mut self.gained,
            (_, true) => &mut self.lost,
            _ if before.is_subset(&after) => &mut self.wider,
            _ if after.is_subset(&before) => &mut self.narrower,
            _ => &mut self.other,
        };
        *of += 1;
    }
}

/// Every category some request of these is permitted.
fn seen(
    view: View<'_, MemoryState>,
    requests: &[AccessRequest],
    at: TimeMs,
) -> Result<Codes<Category>, PreviewError> {
    let mut seen = Codes::new();
    for request in requests {
        for (_, decision) in authorize(view, request, at)? {
            if let Decision::Permit(terms) = decision {
                let of = terms.bases.iter().map(|basis| basis.categories);
                seen = of.fold(seen, |all: Codes<Category>, one| all.union(&one));
            }
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod preview_test;
