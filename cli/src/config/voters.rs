//! `[node] voters`: where the ledger is told by others.

use super::NodeConfig;
use super::read::Reader;
use crate::ui::Words;
use sekisho_domain::ReplicaId;
use sekisho_light::limits::{VOTERS_MAX, VOTERS_MIN};
use std::collections::BTreeSet;

/// A node and a broker need a ledger: a replica here, or voters elsewhere, and not both. Of the node inside, none has
/// faults of its own.
pub(super) fn rules(
    root: &mut Reader<'_>,
    node: Option<&Option<NodeConfig>>,
    replica: bool,
    broker: bool,
) {
    let voters = match node {
        Some(Some(node)) => !node.voters.is_empty(),
        // Its own faults come first.
        Some(None) => true,
        None => false,
    };
    if node.is_some() && !replica && !voters {
        root.fault(
            "node",
            Words::new(
                "同じファイルに [replica] が必要です。ノードは自分の台帳だけを信頼します。レプリカを動かせない小さなネットワークは、\
                 代わりに [node] に voters = [1, 2]（異なる二つ以上のネットワークのレプリカ）と書いてください",
                "needs [replica] in the same file: a node believes only its own copy of the ledger; or, where a network \
                 is too small to run one, voters = [1, 2] in [node]: replicas of two networks or more",
            ),
        );
    }
    if replica && matches!(node, Some(Some(node)) if !node.voters.is_empty()) {
        root.fault(
            "node.voters",
            Words::new(
                "[replica] と一緒には書けません。このノードは自分のレプリカを信頼します。どちらかを消してください",
                "is not for a file with [replica]: this node believes its own replica; remove one of the two",
            ),
        );
    }
    if broker && !replica && !voters {
        root.fault(
            "broker",
            Words::new(
                "同じファイルに [replica] が必要です。ブローカーは自分の台帳に尋ねます。なければ [node] に voters = [1, 2] と書いてください",
                "needs [replica] in the same file: a broker asks its own copy of the ledger; or [node] with \
                 voters = [1, 2]",
            ),
        );
    }
}

/// Replicas of other machines, where this one has none.
pub(super) fn read(section: &mut Reader<'_>) -> Option<Vec<ReplicaId>> {
    let Some(numbers) = section.numbers("voters", "voters = [1, 2]")? else {
        return Some(Vec::new());
    };
    let distinct: BTreeSet<_> = numbers.iter().collect();
    let (least, most) = (VOTERS_MIN, VOTERS_MAX);
    if distinct.len() == numbers.len() && (least..=most).contains(&numbers.len()) {
        return Some(numbers.into_iter().map(ReplicaId).collect());
    }
    section.fault(
        "voters",
        Words::new(
            format!(
                "異なるレプリカ番号を {least} 個から {most} 個まで書いてください（二つ以上のネットワークのもの）。例：voters = [1, 2]"
            ),
            format!(
                "names {least} to {most} replicas, each once, of two networks or more; for example voters = [1, 2]"
            ),
        ),
    );
    None
}
