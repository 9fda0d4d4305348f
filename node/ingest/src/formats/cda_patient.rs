//! Who a CDA R2 document says its patient is: what stands in its `patientRole`. Names by their use (`IDE` in kanji, `SYL`
//! in kana; health check-ups have one in kana without a use), birth time, administrative gender, addresses, telephone
//! numbers; and the insured person's number among the role's ids, told by their roots.
//!
//! Sources: HL7 CDA R2 §4.2.2.2; the OIDs of the ministry (…100495.20.3.61 to 63) and of specific health check-ups
//! (…200119.6.101, 204, 205, 211), whose guides write the insured person's number as ids of the role.

use super::cda::{attribute, child, children};
use super::said;
use crate::xml;
use roxmltree::Node;
use sekisho_identity::{Address, Date, Demographics, Insured, Name, Sex};

/// Roots of the ids that are an insurer's number, an insured person's symbol, number and branch.
const INSURED: [&[&str]; 4] = [
    &["1.2.392.100495.20.3.61", "1.2.392.200119.6.101"],
    &["1.2.392.100495.20.3.62", "1.2.392.200119.6.204"],
    &["1.2.392.100495.20.3.63", "1.2.392.200119.6.205"],
    &["1.2.392.200119.6.211"],
];
/// Parts of an address, from the largest down, as it is written.
const ADDRESS: [&str; 7] = [
    "state",
    "county",
    "city",
    "precinct",
    "streetAddressLine",
    "streetName",
    "houseNumber",
];

/// What a document says of its patient. What cannot be read is left out; nothing where it is no document of a patient.
pub(super) fn demographics(bytes: &[u8]) -> Option<Demographics> {
    let text = xml::decode(bytes).ok()?;
    let document = xml::parse(&text).ok()?;
    let target = child(document.root_element(), "recordTarget")?;
    let role = child(target, "patientRole")?;
    let mut said = Demographics::default();
    if let Some(patient) = child(role, "patient") {
        let of = |element, name| child(patient, element).map_or("", |of| attribute(of, name));
        // A time of birth begins with its day.
        let day = of("birthTime", "value").get(..8).unwrap_or_default();
        said.birth = Date::read(day).ok();
        said.sex = Sex::read(of("administrativeGenderCode", "code"));
        for name in children(patient, "name") {
            let [family, given] = ["family", "given"].map(|part| one(name, &[part]));
            let parted = Name::read(said::text(&family), said::text(&given));
            let read = parted.or_else(|| Name::whole(said::text(name.text().unwrap_or_default())));
            let uses = attribute(name, "use");
            let in_kana = match uses
                .split_whitespace()
                .find(|of| ["IDE", "SYL", "ABC"].contains(of))
            {
                Some("IDE") => Some(false),
                Some("SYL") => Some(true),
                // In Latin letters, which nothing is compared by.
                Some(_) => continue,
                None => None,
            };
            said::name(&mut said, read, in_kana);
        }
    }
    for address in children(role, "addr") {
        let postal = one(address, &["postalCode"]);
        let text = match one(address, &ADDRESS) {
            parts if parts.is_empty() => address.text().unwrap_or_default().to_owned(),
            parts => parts,
        };
        let read = Address::read(said::text(&postal), said::text(&text));
        said::address(&mut said, read);
    }
    for contact in children(role, "telecom") {
        let value = attribute(contact, "value");
        match value.split_once(':') {
            Some(("tel", number)) => said::phone(&mut said, number),
            Some(_) => {}
            None => said::phone(&mut said, value),
        }
    }
    let [insurer, symbol, number, branch] = INSURED.map(|roots| {
        let mut ids = children(role, "id").filter(|id| roots.contains(&attribute(*id, "root")));
        ids.next()
            .map_or("", |id| said::text(attribute(id, "extension")))
    });
    said::insured(&mut said, Insured::read(insurer, symbol, number, branch));
    Some(said)
}

/// The texts of an element's parts, in the order of their names, one behind the other.
fn one(of: Node<'_, '_>, names: &[&str]) -> String {
    let parts = names.iter().flat_map(|name| children(of, name));
    parts
        .filter_map(|part| part.text())
        .map(str::trim)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples_test::summary;

    /// A discharge summary whose role is written so.
    fn of(role: &str) -> Demographics {
        let text = summary("4110000001", "0009013", 1);
        let (before, rest) = text.split_once("<patient>").unwrap();
        let (_, after) = rest.split_once("</patient>").unwrap();
        demographics(format!("{before}{role}{after}").as_bytes()).unwrap()
    }

    #[test]
    fn a_patient_is_told_by_uses_roots_and_parts() {
        let said = of(
            r#"<id root="1.2.392.100495.20.3.61" extension="1410016"/><id root="1.2.392.100495.20.3.62" extension="７０"/>
            <id root="1.2.392.100495.20.3.63" extension="123456"/><id root="1.2.392.200119.6.211" extension="1"/>
            <addr><country>JP</country><postalCode>840-0801</postalCode><city>佐賀市</city><state>佐賀県</state>
            <streetAddressLine>駅前中央1-2-3</streetAddressLine></addr><addr>福岡県久留米市見本町4</addr>
            <telecom use="HP" value="tel:0952-00-1234"/><telecom value="mailto:a@example.jp"/><telecom value="0942-00-1234"/>
            <patient><name use="ABC"><family>Sekisho</family><given>Hanako</given></name>
            <name use="SYL"><family>セキショ</family><given>ハナコ</given></name>
            <name use="L IDE"><family>関所</family><given>花子</given></name>
            <administrativeGenderCode code="F"/><birthTime value="19500812093000+0900"/></patient>"#,
        );
        assert_eq!(said.kanji, Name::read("関所", "花子"));
        assert_eq!(said.kana, Name::read("セキショ", "ハナコ"));
        assert_eq!(said.birth, Date::new(1950, 8, 12));
        assert_eq!(said.sex, Some(Sex::Female));
        let home = Address::read("840-0801", "佐賀県佐賀市駅前中央1-2-3").unwrap();
        let other = Address::read("", "福岡県久留米市見本町4").unwrap();
        assert_eq!(said.addresses, [home, other]);
        assert_eq!(said.phones, ["0952-00-1234", "0942-00-1234"]);
        let insured = Insured::read("01410016", "７０", "123456", "01").unwrap();
        assert_eq!(said.insured, [insured]);
    }

    #[test]
    fn a_health_check_up_names_in_kana_only() {
        let said = of(
            r#"<id root="1.2.392.200119.6.101" extension="01410016"/><id root="1.2.392.200119.6.204" extension="７０"/>
            <id root="1.2.392.200119.6.205" extension="１２３"/><addr>佐賀県佐賀市見本町1<postalCode>840-0001</postalCode></addr>
            <patient><name>セキショ　タロウ</name><administrativeGenderCode code="1"/><birthTime value="19480405"/></patient>"#,
        );
        assert_eq!(
            (said.kanji, said.kana),
            (None, Name::read("セキショ", "タロウ"))
        );
        assert_eq!(said.sex, Some(Sex::Male));
        let address = Address::read("840-0001", "佐賀県佐賀市見本町1").unwrap();
        assert_eq!(said.addresses, [address]);
        let insured = Insured::read("01410016", "７０", "１２３", "").unwrap();
        assert_eq!(said.insured, [insured]);
    }

    #[test]
    fn what_is_damaged_is_left_out_alone() {
        let long = "町".repeat(sekisho_identity::TEXT_CHARS_MAX + 1);
        let said = of(&format!(
            r#"<addr>{long}</addr><telecom value="tel:"/><patient><name use="IDE"><family>関所</family></name>
            <administrativeGenderCode code="?"/><birthTime value="1948-13-45"/></patient>"#
        ));
        let name = Name::read("関所", "");
        assert_eq!(
            said,
            Demographics {
                kanji: name,
                ..Demographics::default()
            }
        );
        assert_eq!(said.check(), Ok(()));
        for bytes in ["", "<a/>", "<ClinicalDocument/>", "\u{0}"] {
            assert_eq!(demographics(bytes.as_bytes()), None, "{bytes}");
        }
    }
}
