//! The built-in facts against the data they come from, and the counts its README gives.

use crate::facts::{Answered, Answers, built_in, read, write};
use crate::import;
use crate::vocabulary::{
    Enrolment, Join, LinkDirection, Mode, NewFacilityMode, State, Survey, SurveyCode,
};
use std::collections::BTreeMap;
use std::path::Path;

/// How often each code is marked in use.
fn in_use<T: SurveyCode>(of: impl Fn(&Answers) -> &Answered<T> + Copy) -> BTreeMap<T, usize> {
    let mut counted = BTreeMap::new();
    for network in built_in().unwrap().networks {
        for (code, state, _) in network.marks(of) {
            if state == State::InUse {
                *counted.entry(code).or_default() += 1;
            }
        }
    }
    counted
}

#[test]
fn the_built_in_copy_is_what_the_data_files_say() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let file = |name: &str| std::fs::read(data.join(name));
    let (Ok(networks), Ok(links)) = (file("networks.json"), file("interconnections.json")) else {
        println!(
            "left out: {} is not here, so the copy is compared with nothing",
            data.display()
        );
        return;
    };
    let compiled = import::facts(&networks, &links).unwrap();
    assert_eq!(
        write(&compiled),
        include_str!("../data/surveys.facts"),
        "write the copy anew with the example built-in-facts"
    );
    assert_eq!(compiled, built_in().unwrap());
}

#[test]
fn what_is_written_is_read_back() {
    let facts = built_in().unwrap();
    assert_eq!(read(&write(&facts)).unwrap(), facts);
}

#[test]
fn every_row_of_every_survey_is_there() {
    let facts = built_in().unwrap();
    assert_eq!((facts.networks.len(), facts.links.len()), (413, 44));
    let rows = facts.networks.iter().flat_map(|n| &n.sheets);
    let mut of = BTreeMap::<_, usize>::new();
    rows.for_each(|sheet| *of.entry(sheet.row.survey).or_default() += 1);
    let expected = [
        (Survey::PickUp, 13),
        (Survey::Casebook, 6),
        (Survey::FollowUp2019, 218),
        (Survey::CloudGrant, 16),
        // 268 sheets carry a number; two have lost theirs.
        (Survey::Nationwide2016, 268 + 2),
    ];
    assert_eq!(of, expected.into());
    let joined = facts.networks.iter().flat_map(|n| &n.sheets);
    let predecessors: Vec<_> = joined
        .filter(|sheet| sheet.join == Join::Predecessor)
        .map(|sheet| sheet.row.to_string())
        .collect();
    assert_eq!(predecessors, ["2016#0077"]);
}

#[test]
fn the_consent_answers_are_counted_as_published() {
    let sheets = built_in().unwrap().networks;
    let answered = sheets.iter().filter(|n| !n.marks(|a| &a.modes).is_empty());
    assert_eq!(answered.count(), 162);
    let modes = [
        (Mode::Blanket, 50),
        (Mode::Designation, 47),
        (Mode::EachFacility, 66),
        (Mode::EachPhysician, 29),
        (Mode::Other, 13),
    ];
    assert_eq!(in_use(|a| &a.modes), modes.into());
    let enrolment = in_use(|a| &a.enrolment);
    let expected = [
        (Enrolment::Explicit, 152),
        (Enrolment::Notice, 9),
        (Enrolment::Oral, 2),
    ];
    for (code, n) in expected {
        assert_eq!(enrolment.get(&code), Some(&n), "{}", code.code());
    }
    let new = in_use(|a| &a.new_facility);
    let expected = [
        (NewFacilityMode::Written, 70),
        (NewFacilityMode::Oral, 12),
        (NewFacilityMode::Notice, 9),
        (NewFacilityMode::Card, 3),
    ];
    for (code, n) in expected {
        assert_eq!(new.get(&code), Some(&n), "{}", code.code());
    }
}

#[test]
fn a_link_keeps_its_direction() {
    let facts = built_in().unwrap();
    let link = facts.links.iter().find(|l| l.id == "link-04").unwrap();
    let ends = (
        link.a.as_ref().unwrap().as_str(),
        link.b.as_ref().unwrap().as_str(),
    );
    assert_eq!(ends, ("mhlw-171", "mhlw-168"));
    assert_eq!(link.direction, LinkDirection::AReadsB);
    let both = facts
        .links
        .iter()
        .filter(|l| l.a.is_some() && l.b.is_some());
    assert_eq!(both.count(), 24);
}

#[test]
fn a_network_is_found_by_its_id_or_by_a_name_of_its_own() {
    let facts = built_in().unwrap();
    let id = |name: &str| facts.network(name).map(|n| n.id.as_str());
    assert_eq!(id("mhlw-171"), Some("mhlw-171"));
    assert_eq!(id("まめネット"), Some("mhlw-171"));
    assert_eq!(id("スワンネット"), Some("jmari-0312"));
    // Many networks go by the name of the product.
    assert_eq!(id("電子@連絡帳"), None);
    assert_eq!(id("ない"), None);
}

#[test]
fn a_facts_file_out_of_form_is_refused_with_its_line() {
    let good = "network n-1 32 名\n  sheet 2016#0001 - own\n    consent other\n";
    read(good).unwrap();
    let cases = [
        ("  sheet", "sheet", "line 2: \"sheet\" does not belong here"),
        (
            "    consent",
            "  consent",
            "line 3: \"consent\" does not belong here",
        ),
        (
            "consent other",
            "colour red",
            "line 3: \"colour\" is no question",
        ),
        (
            "consent other",
            "consent everybody",
            "line 3: \"everybody\" is not a patient consent mode",
        ),
        ("2016#0001", "2017#0001", "line 2: \"2017\" is not a survey"),
        ("2016#0001", "2016", "line 2: \"2016\" is not survey#row"),
        (" - own", " own", "line 2: 3 words are needed, here are 2"),
        ("n-1 32", "N_1 32", "line 1: network id"),
        ("n-1 32", "n-1 48", "line 1: area"),
        ("consent other", "since long", "line 3: invalid digit"),
        (
            "consent other",
            "count 2016 patients=some",
            "line 3: \"some\" is not a figure",
        ),
        (
            "consent other",
            "count 2016 people=1",
            "line 3: \"people\" is no figure",
        ),
        (
            "network n-1 32 名\n",
            "",
            "line 1: it belongs below a network",
        ),
    ];
    for (from, to, expected) in cases {
        let error = read(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{expected}: {error}");
    }
}

#[test]
fn data_that_cannot_be_read_is_refused_with_its_place() {
    let good = r#"[{"id": "n_A", "name": "名", "aliases": [], "prefecture_code": "32",
 "sources": [{"ref": "004#0001", "survey": "2016 nationwide survey, sheet updated 2017-02-24"}],
 "lifecycle": {"start_observations": []},
 "consent": {"src": "004#0001", "patient_modes": [{"code": "other", "state": "in_use"}]}}]"#;
    let read = |json: &str| import::networks(json.as_bytes(), |_, _| ());
    let network = read(good).unwrap().remove(0);
    assert_eq!(network.id.as_str(), "n-a");
    assert_eq!(network.sheets[0].dated, "2017-02-24");
    let cases = [
        (
            "\"name\"",
            "\"nom\"",
            "line 4, column 89: missing field `name`",
        ),
        ("[{\"id\"", "[\"id\"", "line 1, column"),
        (
            "\"other\"",
            "\"anyhow\"",
            "n_A: patient_modes: \"anyhow\" is not a patient consent mode; one of: blanket",
        ),
        (
            "\"in_use\"",
            "\"soon\"",
            "n_A: patient_modes: \"soon\" is not a state",
        ),
        (
            "\"src\": \"004#0001\"",
            "\"src\": \"004#0002\"",
            "n_A: consent: 004#0002 is not among",
        ),
        (
            "\"ref\": \"004#0001\"",
            "\"ref\": \"009#1\"",
            "n_A: sources: \"009\" is no source",
        ),
        ("\"32\"", "\"99\"", "n_A: prefecture_code: area"),
        ("\"名\"", "\"名\\nlink x\"", "n_A: name: "),
    ];
    for (from, to, expected) in cases {
        let error = read(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{expected}: {error}");
    }
    let twice = format!("[{0},{0}]", &good[1..good.len() - 1]);
    assert_eq!(
        read(&twice).unwrap_err().to_string(),
        "n-a stands there twice"
    );
}
