//! Who a FHIR document says its patient is (JP Core Patient): names by their representation (iso21090-EN-representation: IDE
//! in kanji, SYL in kana), birth date, administrative gender, addresses, telephone numbers; and the insured person's number
//! of its Coverages (JP Core Coverage: insurer, symbol, number, branch by extensions of JP CLINS), where it has one.

use super::fhir::resources;
use super::json::Json;
use super::said;
use sekisho_identity::{Address, Date, Demographics, Insured, Name, Sex};

const REPRESENTATION: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";
/// The last part of the extensions' URLs that hold an insured person's symbol, number and branch.
const INSURED: [&str; 3] = [
    "InsuredPersonSymbol",
    "InsuredPersonNumber",
    "InsuredPersonSubNumber",
];
/// The system of an insurer's number, in its older and newer spelling (clinical-formats of JP Core).
const INSURER: [&str; 2] = [
    "urn:oid:1.2.392.100495.20.3.61",
    "http://jpfhir.jp/fhir/core/mhlw/IdSystem/InsurerNumber",
];

/// What a document says of its patient. What cannot be read is left out; nothing where it is no document of one patient.
pub(super) fn demographics(bytes: &[u8]) -> Option<Demographics> {
    let bundle = Json::parse(bytes).ok()?;
    let of = |kind: &'static str| {
        let all = resources(&bundle).map(|(_, resource)| resource);
        all.filter(move |resource| resource.text("resourceType") == kind)
    };
    let patient = of("Patient").next()?;
    let mut said = Demographics {
        birth: Date::read(patient.text("birthDate")).ok(),
        sex: match patient.text("gender") {
            "male" => Some(Sex::Male),
            "female" => Some(Sex::Female),
            "other" => Some(Sex::Other),
            _ => None,
        },
        ..Demographics::default()
    };
    for name in patient.list("name") {
        let given = name.list("given").first().map_or("", Json::as_text);
        let parted = Name::read(said::text(name.text("family")), said::text(given));
        let read = parted.or_else(|| Name::whole(said::text(name.text("text"))));
        match representation(name) {
            "SYL" => said::name(&mut said, read, Some(true)),
            "" => said::name(&mut said, read, None),
            _ => said::name(&mut said, read, Some(false)),
        }
    }
    for address in patient.list("address") {
        let lines = address.list("line").iter().map(Json::as_text);
        let parts = [address.text("state"), address.text("city")].into_iter();
        let text = match address.text("text") {
            "" => parts.chain(lines).collect::<String>(),
            whole => whole.to_owned(),
        };
        let postal = said::text(address.text("postalCode"));
        said::address(&mut said, Address::read(postal, said::text(&text)));
    }
    for contact in patient.list("telecom") {
        if matches!(contact.text("system"), "phone" | "sms") {
            said::phone(&mut said, contact.text("value"));
        }
    }
    let insurer = of("Organization")
        .flat_map(|organisation| organisation.list("identifier"))
        .find(|identifier| INSURER.contains(&identifier.text("system")))
        .map_or("", |identifier| said::text(identifier.text("value")));
    for coverage in of("Coverage") {
        let [symbol, number, branch] = INSURED.map(|name| said::text(extension(coverage, name)));
        said::insured(&mut said, Insured::read(insurer, symbol, number, branch));
    }
    Some(said)
}

fn representation(name: &Json) -> &str {
    let extensions = name.list("extension").iter();
    let mut of = extensions.filter(|e| e.text("url") == REPRESENTATION);
    of.next()
        .map_or("", |extension| extension.text("valueCode"))
}

fn extension<'j>(coverage: &'j Json, name: &str) -> &'j str {
    let extensions = coverage.list("extension").iter();
    let mut of = extensions.filter(|e| {
        let last = e.text("url").rsplit(['/', '_']).next();
        last.is_some_and(|last| last.eq_ignore_ascii_case(name))
    });
    of.next()
        .map_or("", |extension| extension.text("valueString"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_their_representation_and_the_rest_by_its_field() {
        let bundle = r#"{"resourceType":"Bundle","entry":[
          {"resource":{"resourceType":"Patient","birthDate":"1950-08-12","gender":"female",
            "name":[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation","valueCode":"SYL"}],
                     "family":"セキショ","given":["ハナコ"]},
                    {"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation","valueCode":"IDE"}],
                     "text":"関所 花子"}],
            "address":[{"postalCode":"840-0801","state":"佐賀県","city":"佐賀市","line":["駅前中央1-2-3"]}],
            "telecom":[{"system":"email","value":"a@example.jp"},{"system":"phone","value":"0952-00-1234"}]}},
          {"resource":{"resourceType":"Organization","identifier":[
            {"system":"urn:oid:1.2.392.100495.20.3.61","value":"01410016"}]}},
          {"resource":{"resourceType":"Coverage","extension":[
            {"url":"http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Coverage_InsuredPersonSymbol","valueString":"12"},
            {"url":"http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Coverage_InsuredPersonNumber","valueString":"3456"},
            {"url":"http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Coverage_InsuredPersonSubNumber","valueString":"02"}]}}]}"#;
        let said = demographics(bundle.as_bytes()).unwrap();
        assert_eq!(said.kanji, Name::read("関所", "花子"));
        assert_eq!(said.kana, Name::read("セキショ", "ハナコ"));
        assert_eq!(said.birth, Date::new(1950, 8, 12));
        assert_eq!(said.sex, Some(Sex::Female));
        let address = Address::read("840-0801", "佐賀県佐賀市駅前中央1-2-3");
        assert_eq!(said.addresses, address.into_iter().collect::<Vec<_>>());
        assert_eq!(said.phones, ["0952-00-1234"]);
        let insured = Insured::read("01410016", "12", "3456", "02");
        assert_eq!(said.insured, insured.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_name_in_kana_needs_no_mark() {
        let bundle = r#"{"entry":[{"resource":{"resourceType":"Patient",
            "name":[{"text":"関所 太郎"},{"text":"セキショ タロウ"}]}}]}"#;
        let said = demographics(bundle.as_bytes()).unwrap();
        assert_eq!(said.kanji, Name::read("関所", "太郎"));
        assert_eq!(said.kana, Name::read("セキショ", "タロウ"));
    }

    #[test]
    fn what_is_no_document_of_a_patient_says_nobody() {
        for bytes in [
            "",
            "{}",
            "[1]",
            r#"{"entry":[{"resource":{"resourceType":"Person"}}]}"#,
        ] {
            assert_eq!(demographics(bytes.as_bytes()), None, "{bytes}");
        }
        let bare =
            r#"{"entry":[{"resource":{"resourceType":"Patient","birthDate":"?","name":"x"}}]}"#;
        assert_eq!(demographics(bare.as_bytes()), Some(Demographics::default()));
    }
}
