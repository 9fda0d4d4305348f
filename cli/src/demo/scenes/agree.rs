//! (a) agreements signed by both sides; (d) a one-sided one.

use super::super::facts::grant;
use super::consent::{consent_disclosing, consent_viewing};
use super::{
    BORDER, DenyReason, Failure, LINKS, MATSUE, Scene, Stage, ToldScene, Ui, YONAGO, answered, ask,
    denied, facts, id, ops,
};
use sekisho_domain::{Agreement, Body, FacilitySelector, Hash, Period, Retention, Settlement};
use sekisho_ledger::agreement_digest;
use sha2::{Digest, Sha256};

pub(super) async fn agreements(ui: Ui, stage: &Stage) -> Result<ToldScene, Failure> {
    let mut scene = Scene::begin(
        ui,
        'a',
        "連携協定に双方が署名する",
        "Agreements, signed by both sides",
    );
    for link in &LINKS {
        let valid = Period {
            from: ops::now(),
            until: None,
        };
        let grants = link.grants.iter().map(|(disclosing, viewing, rule)| {
            Ok(grant(id(disclosing)?, id(viewing)?, *rule, valid))
        });
        let agreement = Agreement {
            id: id(link.id)?,
            version: 1,
            parties: [id(link.parties[0])?, id(link.parties[1])?].into(),
            grants: grants.collect::<Result<_, Failure>>()?,
            retention: Retention::AsOwnRecord,
            settlement: Settlement::EachOwn,
            valid,
            text_hash: Hash(Sha256::digest(link.id).into()),
        };
        let first = &stage.place(link.parties[0])?;
        let second = &stage.place(link.parties[1])?;
        let proposed = ops::govern(&first.session, Body::AgreementPropose(agreement.clone()))
            .await?
            .accepted()?;
        let digest = agreement_digest(&agreement);
        let sign = Body::AgreementSign {
            id: agreement.id,
            version: 1,
            digest,
        };
        let signed = ops::govern(&second.session, sign).await?.accepted()?;
        scene.at(signed.index);
        let arrow = if link.grants.len() == 2 { "⇔" } else { "→" };
        scene.tell(
            format!(
                "{} {arrow} {}：{} が提案し（台帳 {} 番）、{} が署名して（{} 番）発効しました。",
                first.facts.name, second.facts.name, first.facts.name, proposed.index, second.facts.name, signed.index
            ),
            format!(
                "{} {arrow} {}: proposed by the first (index {}), signed by the second (index {}), in force.",
                first.facts.name_en, second.facts.name_en, proposed.index, signed.index
            ),
        );
        for (disclosing, viewing, rule) in link.grants {
            let name = |id: &'static str| facts::of(id).map_or((id, id), |n| (n.name, n.name_en));
            scene.tell(
                format!(
                    "  {} の文書を {} の医師が診療のために見られる。必要なのは{}。",
                    name(disclosing).0,
                    name(viewing).0,
                    rule.ja()
                ),
                format!(
                    "  physicians of {} may see documents of {} for treatment, given {}.",
                    name(viewing).1,
                    name(disclosing).1,
                    rule.en()
                ),
            );
        }
    }
    Ok(scene.end())
}

pub(super) async fn one_sided(ui: Ui, stage: &Stage) -> Result<ToldScene, Failure> {
    let mut scene = Scene::begin(
        ui,
        'd',
        "島根は鳥取の文書を見られるが、逆は協定にない",
        "Shimane reads Tottori; the agreement has no other direction",
    );
    let (mame, oshidori) = (stage.place("mamenet")?, stage.place("oshidorinet")?);
    let (at_matsue, at_yonago) = (
        stage.local_id(BORDER, MATSUE)?,
        stage.local_id(BORDER, YONAGO)?,
    );
    let listed = FacilitySelector::Listed([id(YONAGO)?].into());
    consent_disclosing(&oshidori.session, at_yonago.clone(), YONAGO, listed).await?;
    consent_disclosing(
        &mame.session,
        at_matsue.clone(),
        MATSUE,
        FacilitySelector::All,
    )
    .await?;
    consent_viewing(&mame.session, at_matsue.clone(), MATSUE).await?;
    scene.tell(
        "県境に住む患者が、鳥取では病院を指定して開示に、島根では受診した病院での閲覧に、書面で同意しました。",
        "A patient at the border consented in writing: in Tottori to disclosure by a hospital on a list, in Shimane to viewing by the hospital visited.",
    );
    scene.tell("松江の医師が照会します。", "The physician in Matsue asks.");
    let found = ask(
        &mame.session,
        at_matsue,
        MATSUE,
        &["mamenet", "oshidorinet"],
    )
    .await?;
    scene.answers("shimane-asks", &found);
    scene.check(
        answered(&found, "oshidorinet"),
        "おしどりネットが回答するはずです",
        "Oshidori Net should have answered",
    );
    scene.check(
        answered(&found, "mamenet"),
        "まめネット自身も回答するはずです",
        "Mame Net itself should have answered",
    );
    scene.tell(
        "米子の医師が、逆向きに照会します。",
        "The physician in Yonago asks the other way round.",
    );
    let back = ask(&oshidori.session, at_yonago, YONAGO, &["mamenet"]).await?;
    scene.answers("tottori-asks", &back);
    scene.check(
        denied(&back, "mamenet", DenyReason::DirectionNotGranted),
        "協定の向きを理由に不許可となるはずです",
        "should have been denied by the agreement's direction",
    );
    scene.check(
        back.documents.is_empty(),
        "文書が渡ってはなりません",
        "no document may have come",
    );
    Ok(scene.end())
}
