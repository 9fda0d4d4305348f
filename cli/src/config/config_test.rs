//! What a configuration file may say, and what is said where it is wrong.

use super::*;
use sekisho_ingest::Layout;

#[test]
fn the_example_is_a_configuration_and_names_every_setting() {
    let config = Config::parse(EXAMPLE, Path::new("/etc/sekisho")).unwrap();
    assert!(config.replica.is_some() && config.node.is_some() && config.broker);
    assert_eq!(config.genesis, Path::new("/etc/sekisho/genesis.json"));
    assert_eq!(config.own_address(), "127.0.0.1:7443");
    assert_eq!(config.metrics, None);
    let (before, metrics) = EXAMPLE.split_once("# [metrics]").unwrap();
    let with = format!("{before}[metrics]{}", metrics.replace("\n# ", "\n"));
    let config = Config::parse(&with, Path::new(".")).unwrap();
    assert!(config.metrics.is_some());
}

#[test]
fn the_portal_and_its_identity_provider_are_as_the_example_says() {
    let (before, portal) = EXAMPLE.split_once("# [portal]\n").unwrap();
    let (portal, _) = portal.split_once("\n\n").unwrap();
    let setting = |line: &&str| line.starts_with('[') || line.contains(" = ");
    let lines = portal.lines().filter_map(|line| line.strip_prefix("# "));
    let lines: Vec<_> = lines.filter(setting).collect();
    let with = |lines: &[String]| {
        let text = format!("{before}[portal]\n{}\n", lines.join("\n"));
        Config::parse(&text, Path::new("/etc/sekisho"))
    };
    let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    let portal = with(&lines).unwrap().portal.unwrap();
    assert_eq!(portal.origin, "https://portal.example.jp");
    let oidc = portal.oidc.unwrap();
    assert_eq!(oidc.issuer, "https://idp.example.jp/realms/hospital");
    let secret = oidc.client_secret_file.unwrap();
    assert_eq!(secret, Path::new("/etc/sekisho/keys/oidc-secret"));
    let kinds: Vec<_> = oidc.mapping.roles.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["compliance", "doctors", "it", "nurses", "patients"]);
    let claims = (&*oidc.mapping.role, &*oidc.mapping.facility);
    assert_eq!(claims, ("roles", "facilities"));
    assert_eq!((oidc.strong_acr.len(), oidc.strong_amr.len()), (1, 2));
    // All faults together, each with what to write instead.
    let changed = [
        ("issuer", "issuer = \"http://idp.example.jp\""),
        ("client_id", "client_id = \"\""),
        ("doctors", "doctors = \"clinician\""),
        ("it", "it = 1"),
        ("scopes", "scopes = \"profile\""),
        ("ca", "cert = \"x\""),
    ];
    let wrong: Vec<String> = lines
        .iter()
        .map(|line| {
            let key = line.split(" = ").next().unwrap_or_default();
            let new = changed.iter().find(|(name, _)| *name == key);
            new.map_or_else(|| line.clone(), |(_, new)| (*new).to_owned())
        })
        .collect();
    let faults = with(&wrong).unwrap_err();
    assert_eq!(faults.0.len(), changed.len(), "{faults}");
    for said in [
        "portal.oidc.issuer: an issuer is https://",
        "portal.oidc.client_id: ",
        "portal.oidc.roles.doctors: a role is clinician:<profession>",
        "portal.oidc.roles.it: is a number",
        "portal.oidc.scopes: is a text; for example",
        "portal.oidc.cert: is not a setting",
    ] {
        assert!(faults.to_string().contains(said), "{said}: {faults}");
    }
    let without: Vec<_> = lines
        .iter()
        .take_while(|line| !line.contains("roles]"))
        .cloned()
        .collect();
    let faults = with(&without).unwrap_err().to_string();
    assert!(
        faults.starts_with("portal.oidc.roles: is missing"),
        "{faults}"
    );
}

#[test]
fn index_and_contents_are_elsewhere_as_the_example_says() {
    let config = Config::parse(EXAMPLE, Path::new("/etc/sekisho")).unwrap();
    let node = config.node.unwrap();
    assert_eq!(node.index, IndexConfig::Embedded);
    assert!(matches!(node.contents, ContentsConfig::Files));
    // The example's own words for the other kinds.
    let (example, _) = EXAMPLE.split_once("# Pages for clinicians").unwrap();
    let mut elsewhere = example
        .replace("kind = \"embedded\"\n# kind", "kind")
        .replace("kind = \"files\"\n# kind", "kind");
    for key in [
        "url",
        "password_file",
        "endpoint",
        "bucket",
        "prefix",
        "region",
        "path_style",
    ] {
        elsewhere = elsewhere.replace(&format!("\n# {key} = "), &format!("\n{key} = "));
    }
    for key in ["access_key_file", "secret_key_file", "ca"] {
        elsewhere = elsewhere.replace(&format!("\n# {key} = "), &format!("\n{key} = "));
    }
    let config = Config::parse(&elsewhere, Path::new("/etc/sekisho")).unwrap();
    let node = config.node.unwrap();
    let IndexConfig::Postgres {
        url,
        password_file,
        ca,
    } = node.index
    else {
        unreachable!("{elsewhere}");
    };
    assert_eq!(url, "postgresql://sekisho@db.example.jp/sekisho");
    assert_eq!(
        password_file.unwrap(),
        Path::new("/etc/sekisho/keys/postgres-password")
    );
    assert_eq!(ca.unwrap(), Path::new("/etc/sekisho/keys/postgres-ca.pem"));
    let ContentsConfig::ObjectStore(store) = node.contents else {
        unreachable!("{elsewhere}");
    };
    assert_eq!((store.bucket.as_str(), store.path_style), ("sekisho", true));

    let with = |section: &str| {
        let text = format!(
            "[network]\nid = \"a\"\n[server]\nlisten = \"127.0.0.1:1\"\n[replica]\nid = 1\n[broker]\n[node]\n{section}"
        );
        Config::parse(&text, Path::new("."))
            .map(drop)
            .map_err(|faults| faults.to_string())
    };
    assert_eq!(with(""), Ok(()));
    let store = "[node.contents]\nkind = \"object-store\"\nbucket = \"sekisho\"\naccess_key_file = \"a\"\nsecret_key_file = \"b\"\n";
    for (section, words) in [
        ("[node.index]\nkind = \"oracle\"", "node.index.kind"),
        (
            "[node.index]\nkind = \"postgres\"",
            "node.index.url: is missing",
        ),
        (
            "[node.index]\nurl = \"postgresql://a@b/c\"",
            "node.index.url: is not a setting",
        ),
        (
            "[node.index]\nkind = \"postgres\"\nurl = \"postgresql://a:secret@b/c\"",
            "holds a password",
        ),
        (
            "[node.index]\nkind = \"postgres\"\nurl = \"postgresql://a@b/c?sslmode=disable\"",
            "without TLS",
        ),
        ("[node.contents]\nkind = \"tape\"", "node.contents.kind"),
        (store, "node.contents.endpoint: is missing"),
        (
            &format!("{store}endpoint = \"http://s3.example.jp\""),
            "node.contents.endpoint: leads to another machine",
        ),
        (
            &format!("{store}endpoint = \"https://s3\"\nprefix = \"/a\""),
            "node.contents.prefix: must be",
        ),
        (
            &format!("{store}endpoint = \"https://s3\"\npath_style = 1"),
            "node.contents.path_style",
        ),
    ] {
        let faults = with(section).unwrap_err();
        assert!(
            faults.contains(words) && !faults.contains("secret@"),
            "{section}: {faults}"
        );
    }
}

#[test]
fn how_far_apart_replicas_are_is_one_number() {
    let of = |line: &str| {
        let text = format!(
            "[network]\nid = \"a\"\n[server]\nlisten = \"127.0.0.1:1\"\n[replica]\nid = 1\n{line}\n"
        );
        let config = Config::parse(&text, Path::new("."));
        config.map(|config| config.replica.unwrap().timing)
    };
    assert_eq!(of(""), Ok(Timing::WIDE_AREA));
    assert_eq!(of("expected_rtt_ms = 1"), Ok(Timing::LOOPBACK));
    assert_eq!(of("expected_rtt_ms = 7"), Ok(Timing::for_rtt(7).unwrap()));
    for wrong in ["0", "1001", "-1", "40.5", "\"40\""] {
        let faults = of(&format!("expected_rtt_ms = {wrong}")).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{wrong}: {faults}");
        let said = faults.to_string();
        assert!(said.contains("from 1 to 1000"), "{wrong}: {said}");
    }
}

#[test]
fn nine_mistakes_are_reported_at_once_each_with_what_to_write() {
    let text = r#"
        [network]
        id = "ピカピカ"
        [server]
        listen = "7443"
        [replica]
        id = -1
        expected_rtt_ms = 0
        tiles = "0.0.0.0:7480"
        [node]
        colour = "red"
        [metrics]
        listen = "0.0.0.0:9464"
        allow_remote = "yes"
        labels = 3
    "#;
    let faults = Config::parse(text, Path::new(".")).unwrap_err().0;
    let starts = [
        "network.id",
        "server.listen",
        "replica.id",
        "replica.expected_rtt_ms",
        "replica.tiles",
        "node.colour",
        "node.broker",
        "metrics.allow_remote",
        "metrics.labels",
    ];
    assert_eq!(faults.len(), starts.len(), "{faults:#?}");
    for start in starts {
        assert!(
            faults
                .iter()
                .any(|f| f.en.starts_with(start) && f.ja.starts_with(start)),
            "{start} in {faults:#?}"
        );
    }
}

#[test]
fn metrics_leave_this_machine_only_where_that_is_said() {
    let of = |lines: &str| {
        let text = format!(
            "[network]\nid = \"a\"\n[server]\nlisten = \"127.0.0.1:1\"\n[replica]\nid = 1\n{lines}\n"
        );
        let config = Config::parse(&text, Path::new("."));
        config.map(|config| config.metrics.map(|metrics| metrics.listen.to_string()))
    };
    assert_eq!(of(""), Ok(None));
    for (lines, listen) in [
        ("listen = \"127.0.0.1:9464\"", "127.0.0.1:9464"),
        (
            "listen = \"[::1]:9464\"\nallow_remote = false",
            "[::1]:9464",
        ),
        (
            "listen = \"0.0.0.0:9464\"\nallow_remote = true",
            "0.0.0.0:9464",
        ),
    ] {
        assert_eq!(
            of(&format!("[metrics]\n{lines}")),
            Ok(Some(listen.to_owned()))
        );
    }
    for (lines, said) in [
        ("", "metrics.listen: is missing"),
        (
            "listen = \"0.0.0.0:9464\"",
            "allow_remote = true where a firewall",
        ),
        (
            "listen = \"192.0.2.7:9464\"\nallow_remote = false",
            "reachable from elsewhere",
        ),
        (
            "listen = \"127.0.0.1:9464\"\nallow_remote = 1",
            "write true or false",
        ),
    ] {
        let faults = of(&format!("[metrics]\n{lines}")).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{lines}: {faults}");
        assert!(faults.to_string().contains(said), "{lines}: {faults}");
    }
}

#[test]
fn two_sources_of_one_name_are_refused_even_where_one_has_faults() {
    let source = "[[node.source]]\nid = \"a\"\nkind = \"ss-mix2-standardised\"\n";
    let text = format!(
        "{EXAMPLE}\n{source}facility = 4110000001\nroot = \"x\"\n{source}facility = \"4110000001\"\n"
    );
    let faults = Config::parse(&text, Path::new("."))
        .unwrap_err()
        .to_string();
    for expected in [
        "node.source[1].facility: is a number; write it in quotes",
        "node.source[2].root: is missing",
        "node.source[2].id: a names an earlier source already",
    ] {
        assert!(faults.contains(expected), "{expected} in {faults}");
    }
}

#[test]
fn each_kind_of_source_has_its_settings_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let mapping = dir.path().join("vitals.toml");
    let columns = "version = 1\nname = \"v\"\ncategory = \"vitals\"\ntitle = { ja = \"表\", en = \"table\" }\n\
        encoding = \"utf-8\"\ncolumns = [\"a\", \"b\"]\npatient = \"a\"\ndate = \"b\"\ndocument = [\"b\"]\n";
    std::fs::write(&mapping, columns).unwrap();
    let of = |kind: &str, lines: &str| {
        let root = if kind == "dicomweb" {
            ""
        } else {
            "root = \"/r\""
        };
        let text = format!(
            "{EXAMPLE}\n[[node.source]]\nid = \"b\"\nkind = \"{kind}\"\nfacility = \"4110000001\"\n{root}\n{lines}\n"
        );
        let config = Config::parse(&text, dir.path());
        config.map(|config| config.node.unwrap().sources[1].source().kind())
    };
    for kind in ["ss-mix2-standardised", "fhir", "cda", "pdf", "nsips", "uke"] {
        assert_eq!(of(kind, ""), Ok(kind));
    }
    assert_eq!(of("csv", "mapping = \"vitals.toml\""), Ok("csv"));
    let url = "url = \"http://127.0.0.1:8042/dicom-web\"";
    std::fs::write(dir.path().join("pacs.login"), "node:secret\n").unwrap();
    std::fs::write(dir.path().join("no.login"), "node\n").unwrap();
    assert_eq!(of("dicomweb", url), Ok("dicomweb"));
    assert_eq!(
        of("dicomweb", &format!("{url}\nlogin = \"pacs.login\"")),
        Ok("dicomweb")
    );
    assert_eq!(of("dicomweb", "url = \"https://p:1/x\""), Ok("dicomweb"));
    let with_ca = format!("{url}\nca = \"ca.pem\"");
    let no_login = format!("{url}\nlogin = \"no.login\"");
    let system = "patient_system = \"urn:oid:1.2.3\"";
    assert_eq!(of("fhir", system), Ok("fhir"));
    std::fs::write(
        dir.path().join("bad.toml"),
        columns.replace("\"utf-8\"", "\"utf8\""),
    )
    .unwrap();
    for (kind, lines, said) in [
        (
            "excel",
            "",
            "node.source[1].kind: the kinds of source there are",
        ),
        (
            "nsips",
            system,
            "node.source[1].patient_system: is not a setting",
        ),
        ("csv", "", "node.source[1].mapping: is missing"),
        ("dicomweb", "", "node.source[1].url: is missing"),
        (
            "dicomweb",
            "url = \"ftp://p:1/x\"",
            "begins with https:// or http://",
        ),
        (
            "dicomweb",
            with_ca.as_str(),
            "node.source[1].ca: belongs to a url that begins with https://",
        ),
        (
            "dicomweb",
            "url = \"https://p:1/x\"\nca = \"absent.pem\"",
            "absent.pem",
        ),
        (
            "dicomweb",
            no_login.as_str(),
            "does not hold one line user:password",
        ),
        ("uke", url, "node.source[1].url: is not a setting"),
        (
            "csv",
            "mapping = \"absent.toml\"",
            "cannot be read as a mapping",
        ),
        (
            "csv",
            "mapping = \"bad.toml\"",
            "\"utf8\" is not read; write",
        ),
    ] {
        let faults = of(kind, lines).unwrap_err();
        assert!(
            faults.to_string().contains(said),
            "{kind} {lines}: {faults}"
        );
        assert!(!faults.ja().is_ascii(), "{kind} {lines}");
    }
}

#[test]
fn the_example_shows_another_source() {
    let is_setting = |line: &&str| {
        let key = line.split_once(" = ").map(|(key, _)| key);
        key.is_some_and(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    };
    let mut kinds = Vec::new();
    for shown in EXAMPLE.split("# [[node.source]]").skip(1) {
        let shown = shown.split("\n\n").next().unwrap_or_default();
        let lines = shown.lines().map(|line| line.trim_start_matches("# "));
        let lines: Vec<_> = lines.filter(is_setting).collect();
        let text = format!("{EXAMPLE}\n[[node.source]]\n{}\n", lines.join("\n"));
        let config = Config::parse(&text, Path::new(".")).unwrap();
        kinds.extend(
            config
                .node
                .unwrap()
                .sources
                .last()
                .map(|s| s.source().kind()),
        );
    }
    assert!(kinds.contains(&"fhir"), "{kinds:?}");
}

#[test]
fn a_node_without_a_replica_and_an_empty_file_are_refused() {
    let cases = [
        ("", "network: is missing"),
        (
            "[network]\nid=\"a\"\n[server]\nlisten=\"127.0.0.1:1\"",
            "nothing to run",
        ),
        (
            "[network]\nid=\"a\"\n[server]\nlisten=\"127.0.0.1:1\"\n[node]\n[broker]",
            "needs [replica]",
        ),
        ("= 3", "not TOML"),
        ("network = 3", "write a section [network]"),
    ];
    for (text, expected) in cases {
        let faults = Config::parse(text, Path::new(".")).unwrap_err().to_string();
        assert!(faults.contains(expected), "{text:?}: {faults}");
    }
}

#[test]
fn documents_come_through_the_broker_unless_told_otherwise() {
    let of = |line: &str| {
        let text = format!(
            "[network]\nid = \"a\"\n[server]\nlisten = \"127.0.0.1:1\"\n[replica]\nid = 1\n[broker]\n[node]\n{line}\n"
        );
        let config = Config::parse(&text, Path::new("."));
        config.map(|config| config.node.unwrap().retrieve)
    };
    assert_eq!(of(""), Ok(RetrieveVia::Broker));
    assert_eq!(of("retrieve = \"broker\""), Ok(RetrieveVia::Broker));
    assert_eq!(of("retrieve = \"direct\""), Ok(RetrieveVia::Direct));
    let fault = of("retrieve = \"both\"").unwrap_err().to_string();
    assert!(
        fault.contains("node.retrieve: \"both\" is neither"),
        "{fault}"
    );
}

#[test]
fn budgets_are_numbers_an_hour() {
    let of = |line: &str| {
        let text = format!(
            "[network]\nid = \"a\"\n[server]\nlisten = \"127.0.0.1:1\"\n[replica]\nid = 1\n[broker]\n[node]\n{line}\n"
        );
        let config = Config::parse(&text, Path::new("."));
        config.map(|config| config.node.unwrap().budgets)
    };
    assert_eq!(of(""), Ok(Budgets::default()));
    let few = Budgets {
        practitioner: 7,
        ..Budgets::default()
    };
    assert_eq!(of("practitioner_per_hour = 7"), Ok(few));
    assert!(of("facility_per_hour = 0").is_err());
}

#[test]
fn a_node_without_a_replica_names_voters() {
    let of = |lines: &str| {
        let text = format!("[network]\nid = \"a\"\n[server]\nlisten = \"127.0.0.1:1\"\n{lines}\n");
        Config::parse(&text, Path::new("."))
    };
    let light = of("[broker]\n[node]\nvoters = [3, 1]").unwrap();
    assert_eq!(
        light.voters(),
        Some([ReplicaId(3), ReplicaId(1)].as_slice())
    );
    let own = of("[replica]\nid = 1\n[broker]\n[node]").unwrap();
    assert_eq!(own.voters(), None);
    for (lines, said) in [
        (
            "[broker]\n[node]\nvoters = [1]",
            "node.voters: names 2 to 9",
        ),
        (
            "[broker]\n[node]\nvoters = [1, 1]",
            "node.voters: names 2 to 9",
        ),
        (
            "[broker]\n[node]\nvoters = [1, -2]",
            "node.voters: is not a list of whole",
        ),
        (
            "[broker]\n[node]\nvoters = [1, \"2\"]",
            "node.voters: is not a list of whole",
        ),
        (
            "[broker]\n[node]\nvoters = 2",
            "node.voters: is a number; for example voters = [1, 2]",
        ),
        (
            "[broker]\n[node]\nvoters = [1, 2]\n[replica]\nid = 3",
            "node.voters: is not for a file with [replica]",
        ),
        ("[node]\nbroker = \"a:1\"", "node: needs [replica]"),
        ("[broker]", "broker: needs [replica]"),
    ] {
        let faults = of(lines).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{lines}: {faults}");
        assert!(faults.to_string().starts_with(said), "{lines}: {faults}");
        assert!(!faults.ja().is_ascii(), "{lines}");
    }
}

#[test]
fn a_storage_says_how_it_is_read_and_followed() {
    use sekisho_domain::Category;
    use sekisho_ingest::Quirk;
    let of = |lines: &str| {
        let text = format!(
            "[network]\nid = \"a\"\n[server]\nlisten = \"127.0.0.1:1\"\n[replica]\nid = 1\n[broker]\n[node]\n[[node.source]]\n\
             id = \"s\"\nfacility = \"4110000001\"\nroot = \"r\"\n{lines}\n"
        );
        let config = Config::parse(&text, Path::new("/etc"));
        config.map(|config| {
            let source = config.node.unwrap().sources.remove(0);
            match source.holds {
                Holds::SsMix2 { settings, .. } => *settings,
                other => panic!("{other:?}"),
            }
        })
    };
    let usual = of("kind = \"ss-mix2-standardised\"").unwrap();
    assert_eq!(usual.layout, Layout::Standardised);
    assert_eq!(
        usual.follow,
        Some(sekisho_ingest::follow::Follow::default())
    );
    assert_eq!(usual.transactions, None);
    let all = of(
        "kind = \"ss-mix2-extended\"\ntransactions = \"TR\"\naccept = [\"document-by-path\"]\n\
         refuse = [\"framed\"]\nkinds = [\"L777 = operation\"]\nreconcile_minutes = 5",
    )
    .unwrap();
    assert_eq!(
        (all.layout, all.transactions.as_deref()),
        (Layout::Extended, Some(Path::new("/etc/TR")))
    );
    assert!(all.quirks.takes(Quirk::DocumentByPath) && !all.quirks.takes(Quirk::Framed));
    assert_eq!(all.kinds["L777"], Category::Operation);
    assert_eq!(all.follow.unwrap().reconcile_every.as_secs(), 300);
    assert_eq!(
        of("kind = \"ss-mix2-extended\"\nfollow = false")
            .unwrap()
            .follow,
        None
    );
    for (wrong, said) in [
        ("accept = [\"no-such\"]", "is no deviation"),
        ("refuse = \"framed\"", "for example"),
        ("refuse = [1]", "for example"),
        ("kinds = [\"L777\"]", "is not a local code"),
        ("kinds = [\"L777 = nothing\"]", "is not a local code"),
        ("reconcile_minutes = 0", "from 1 to"),
        ("follow = \"yes\"", "true or false"),
    ] {
        let faults = of(&format!("kind = \"ss-mix2-standardised\"\n{wrong}")).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{wrong}: {faults}");
        assert!(faults.to_string().contains(said), "{wrong}: {faults}");
    }
    let faults = of("kind = \"other\"").unwrap_err().to_string();
    assert!(
        faults.contains("ss-mix2-standardised, ss-mix2-extended"),
        "{faults}"
    );
}
