//! Demographics and comparisons as they travel.

use crate::NodeError;
use sekisho_documents::Patient;
use sekisho_identity::{Address, Band, Date, Demographics, Insured, Judgement, Name, Sex, Why};
use sekisho_proto::v1;
use serde::Serialize;

/// What was sent of a person, read as feeds are.
///
/// # Errors
/// [`NodeError::Invalid`] for a date that is none, or more than may be known of anybody.
pub fn demographics(wire: v1::Demographics) -> Result<Demographics, NodeError> {
    let name = |wire: Option<v1::PersonName>| wire.and_then(|n| Name::read(&n.family, &n.given));
    let birth = match wire.birth.trim() {
        "" => None,
        text => {
            Some(Date::read(text).map_err(|_| NodeError::Invalid("the birth date is not a date"))?)
        }
    };
    let person = Demographics {
        kanji: name(wire.kanji),
        kana: name(wire.kana),
        birth,
        sex: Sex::read(&wire.sex),
        addresses: wire
            .addresses
            .iter()
            .filter_map(|a| Address::read(&a.postal, &a.text))
            .collect(),
        phones: wire.phones,
        insured: wire
            .insured
            .iter()
            .filter_map(|i| Insured::read(&i.insurer, &i.symbol, &i.number, &i.branch))
            .collect(),
    };
    person.check().map_err(|_| {
        NodeError::Invalid("more is said of the person than anything knows of anybody")
    })?;
    Ok(person)
}

/// What is known of a person, to be sent.
pub(crate) fn wire_demographics(person: &Demographics) -> v1::Demographics {
    let name = |name: &Option<Name>| {
        name.as_ref().map(|n| v1::PersonName {
            family: n.family.clone(),
            given: n.given.clone(),
        })
    };
    let sex = match person.sex {
        Some(Sex::Male) => "M",
        Some(Sex::Female) => "F",
        Some(Sex::Other) => "O",
        None => "U",
    };
    let address = |a: &Address| v1::PersonAddress {
        postal: a.postal.clone().unwrap_or_default(),
        text: a.text.clone(),
    };
    let insured = |i: &Insured| v1::InsuredPerson {
        insurer: i.insurer.clone(),
        symbol: i.symbol.clone(),
        number: i.number.clone(),
        branch: i.branch.clone().unwrap_or_default(),
    };
    let digits = |d: Date| format!("{:04}{:02}{:02}", d.year(), d.month(), d.day());
    v1::Demographics {
        kanji: name(&person.kanji),
        kana: name(&person.kana),
        birth: person.birth.map(digits).unwrap_or_default(),
        sex: sex.to_owned(),
        addresses: person.addresses.iter().map(address).collect(),
        phones: person.phones.clone(),
        insured: person.insured.iter().map(insured).collect(),
    }
}

/// A code as it is written.
pub(crate) fn code(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(code)) => code.replace('_', "-"),
        _ => String::new(),
    }
}

fn chart(chart: &Patient) -> v1::Chart {
    v1::Chart {
        facility: chart.facility.to_string(),
        local_id: chart.local_patient_id.as_str().to_owned(),
    }
}

/// How two charts compare, item by item, without what they say.
pub(crate) fn compared(a: &Patient, b: &Patient, judged: &Judgement) -> v1::Comparison {
    let band = match judged.band {
        Band::Link => "link",
        Band::Review => "review",
        Band::Apart => "apart",
    };
    let by = match judged.why {
        Why::Rule(rule) => code(&rule),
        Why::Score => "score".to_owned(),
    };
    let item = |evidence: &sekisho_identity::Evidence| {
        let said = evidence.sentence();
        v1::ComparedItem {
            item: code(&evidence.item),
            level: code(&evidence.level),
            weight: evidence.bits,
            ja: said.ja,
            en: said.en,
        }
    };
    v1::Comparison {
        a: Some(chart(a)),
        b: Some(chart(b)),
        band: band.to_owned(),
        by,
        score: judged.score,
        items: judged.fields.iter().map(item).collect(),
    }
}
