//! The ledger's files and receipts, by the commands alone: a network that founded a ledger for itself.

use super::{LIMIT, Made, fails, program, run, text};
use sekisho_harness::{Ended, Running};
use sekisho_ledger::checkpoint::{Checkpoint, Extensions, cosign};
use sekisho_ledger::note::{Note, NoteKey, SignatureKind};
use sekisho_ledger::signature::SigningKey;
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One network, one replica, and what it said so far.
struct Alone {
    made: Made,
    running: Option<Running>,
}

impl Alone {
    fn serving() -> Self {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = held.local_addr().unwrap().to_string();
        drop(held);
        let made = Made::new("mamenet", 1, &listen).founded();
        let config = made.file("sekisho.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(
            &config,
            text.replace("expected_rtt_ms = 40", "expected_rtt_ms = 1"),
        )
        .unwrap();
        let mut alone = Self {
            made,
            running: None,
        };
        alone.start();
        alone.says(&["network", "register"], 0);
        for n in 0..3 {
            let code = format!("411010001{n}");
            let add = [
                "network",
                "facility",
                "add",
                &code,
                "--kind",
                "hospital",
                "--name",
                "見本病院",
            ];
            alone.says(&add, 0);
        }
        alone
    }

    fn start(&mut self) {
        let serve = ["serve", "--config", &self.config()];
        let serving = program().with("RUST_LOG", "info");
        self.running = Some(serving.start(&serve, "serving", LIMIT));
        let until = Instant::now() + LIMIT;
        while self.says(&["ledger", "status"], 0)["ready"] != true {
            assert!(Instant::now() < until, "it is not ready");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn config(&self) -> String {
        self.made.file("sekisho.toml")
    }

    fn ends(&self, args: &[&str], code: i32) -> Ended {
        let config = self.config();
        run(&[args, &["--config", &config, "--lang", "en"]].concat()).expect(code)
    }

    fn says(&self, args: &[&str], code: i32) -> Value {
        let config = self.config();
        run(&[args, &["--config", &config, "--json"]].concat())
            .expect(code)
            .json()
    }

    fn file(&self, name: &str) -> String {
        self.made.file(name)
    }
}

fn verify(receipt: &str, genesis: &str, code: i32) -> Value {
    run(&[
        "ledger",
        "verify-receipt",
        receipt,
        "--genesis",
        genesis,
        "--json",
    ])
    .expect(code)
    .json()
}

#[test]
fn what_a_ledger_keeps_is_proved_checked_copied_and_begun_anew() {
    let mut alone = Alone::serving();
    receipts(&alone);
    let exported = export(&alone);
    checks(&mut alone, &exported);
    begins_anew(&alone, &exported);
}

fn receipts(alone: &Alone) {
    let genesis = alone.file("genesis.json");
    let (sealed, committed) = (alone.file("2.tlog-proof"), alone.file("2.receipt"));
    let done = alone.says(&["ledger", "receipt", "2", "--out", &sealed], 0);
    assert_eq!(
        (&done["index"], &done["grade"]),
        (&2.into(), &"sealed".into())
    );
    let seen = verify(&sealed, &genesis, 0);
    assert_eq!(
        (&seen["grade"], &seen["index"]),
        (&"sealed".into(), &2.into())
    );
    assert_eq!(seen["checkpoint"]["cosigners"].as_array().unwrap().len(), 1);
    assert!(
        std::fs::read_to_string(&sealed)
            .unwrap()
            .starts_with("c2sp.org/tlog-proof@v1\n")
    );

    // By the request id, which the receipt tells; and by the replica's word alone.
    let id = seen["request_id"].as_str().unwrap();
    let wait = [
        "ledger",
        "receipt",
        id,
        "--wait",
        "committed",
        "--out",
        &committed,
    ];
    assert_eq!(alone.says(&wait, 0)["grade"], "committed");
    let seen = verify(&committed, &genesis, 0);
    assert_eq!(
        (&seen["grade"], &seen["index"]),
        (&"committed".into(), &2.into())
    );
    assert_eq!(seen["acknowledged_by"], "replica-1.mamenet");
    let said = run(&[
        "ledger",
        "verify-receipt",
        &committed,
        "--genesis",
        &genesis,
        "--lang",
        "ja",
    ]);
    assert!(said.expect(0).out.contains("記録済み"));

    // Under an older checkpoint, which somebody kept.
    let note = alone.file("checkpoint");
    std::fs::write(&note, alone.ends(&["ledger", "checkpoint"], 0).out).unwrap();
    let under = alone.file("under.tlog-proof");
    alone.says(
        &[
            "ledger",
            "receipt",
            "1",
            "--checkpoint",
            &note,
            "--out",
            &under,
        ],
        0,
    );
    assert_eq!(verify(&under, &genesis, 0)["grade"], "sealed");

    // Cosigned by a witness: as one does it, from the note alone.
    let (witnessed, name) = (alone.file("witnessed.tlog-proof"), "witness.example");
    let witness = SigningKey::from_secret(&[7; 32]);
    let public = witness.public_key();
    let vkey = NoteKey::new(name.parse().unwrap(), SignatureKind::Cosignature, &public).unwrap();
    let plain = Note::parse(&std::fs::read(&note).unwrap()).unwrap();
    let seen = Checkpoint::parse(plain.text(), Extensions::Refuse).unwrap();
    let signature = cosign(&seen, &name.parse().unwrap(), &witness, 1_790_000_000).unwrap();
    let both = [plain.signatures(), &[signature]].concat();
    let cosigned = alone.file("cosigned");
    std::fs::write(
        &cosigned,
        Note::new(plain.text(), both).unwrap().to_string(),
    )
    .unwrap();
    alone.says(
        &[
            "ledger",
            "receipt",
            "0",
            "--checkpoint",
            &cosigned,
            "--out",
            &witnessed,
        ],
        0,
    );
    assert_eq!(
        verify(&witnessed, &genesis, 0)["grade"],
        "sealed",
        "whom nobody trusts counts for nothing"
    );
    let trusting = [
        "ledger",
        "verify-receipt",
        &witnessed,
        "--genesis",
        &genesis,
        "--witness",
        &vkey.to_string(),
        "--json",
    ];
    let seen = run(&trusting).expect(0).json();
    assert_eq!(
        (&seen["grade"], &seen["witnesses"][0]["name"]),
        (&"witnessed".into(), &name.into())
    );

    // A witness one trusts that has not seen it; and one that is no witness.
    let unseen = [
        "ledger",
        "verify-receipt",
        &sealed,
        "--genesis",
        &genesis,
        "--witness",
        &vkey.to_string(),
        "--json",
    ];
    assert_eq!(run(&unseen).expect(0).json()["grade"], "sealed");
    let key = "witness.example+";
    let witness = [
        "ledger",
        "verify-receipt",
        &sealed,
        "--genesis",
        &genesis,
        "--witness",
        key,
    ];
    run(&witness).expect(2);
    let c2sp = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
    let plain = [
        "ledger",
        "verify-receipt",
        &sealed,
        "--genesis",
        &genesis,
        "--witness",
        c2sp,
    ];
    fails(
        &plain,
        2,
        "must be one for cosignatures",
        "組み合わせが正しくありません",
    );

    let (there, gone) = (sealed.as_str(), alone.file("99.tlog-proof"));
    alone.ends(&["ledger", "receipt", "2", "--out", there], 2);
    let none = alone.ends(&["ledger", "receipt", "99", "--out", &gone], 2);
    assert!(
        none.err.contains("there is no ledger index 99 yet"),
        "{}",
        none.err
    );
    assert!(!Path::new(&gone).exists());

    // Altered: what no longer holds is named, in both languages.
    let whole = std::fs::read_to_string(&sealed).unwrap();
    let altered = alone.file("altered.tlog-proof");
    std::fs::write(&altered, whole.replace("index 2", "index 1")).unwrap();
    let refused = verify(&altered, &genesis, 4);
    assert_eq!(refused["verified"], false);
    assert_eq!(
        refused["fault"],
        "it is of index 1, but its leaf says it stands at 2"
    );
    assert!(
        refused["words"]["ja"]
            .as_str()
            .unwrap()
            .contains("1 番のものですが")
    );
    std::fs::write(&altered, b"").unwrap();
    assert_eq!(verify(&altered, &genesis, 4)["fault"], "the file is empty");
}

/// The folder of an export.
fn export(alone: &Alone) -> PathBuf {
    let out = PathBuf::from(alone.file("exported"));
    let done = alone.says(&["ledger", "export", "--out", &text(&out)], 0);
    assert!(done["leaves"].as_u64().unwrap() >= 4, "{done:#}");
    assert!(out.join("checkpoint").is_file() && out.join("genesis.json").is_file());
    let check = ["ledger", "import", &text(&out), "--check-only"];
    assert_eq!(alone.says(&check, 0)["verified"], true);
    let bundle = std::fs::read_dir(out.join("tile/entries/000.p"))
        .unwrap()
        .next();
    let bundle = bundle.unwrap().unwrap().path();
    let whole = std::fs::read(&bundle).unwrap();
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    std::fs::write(&bundle, flipped).unwrap();
    let refused = alone.ends(&check, 4);
    assert!(
        refused.err.contains("tile/0/000.p") && refused.err.contains("do not fit"),
        "{}",
        refused.err
    );
    std::fs::write(&bundle, whole).unwrap();
    out
}

fn checks(alone: &mut Alone, exported: &Path) {
    let running = alone.ends(&["ledger", "fsck"], 3);
    assert!(
        running.err.contains("stop `sekisho serve` first"),
        "{}",
        running.err
    );
    // Ended without a word, as by a power cut.
    alone.running = None;
    let sound = alone.says(&["ledger", "fsck"], 0);
    assert_eq!(
        (&sound["sound"], &sound["findings"]),
        (&true.into(), &Value::Array(Vec::new()))
    );
    assert_eq!(sound["leaves"], sound["replayed"]);

    let again = alone.file("again");
    let done = alone.says(&["ledger", "export", "--stopped", "--out", &again], 0);
    let bundle = format!("tile/entries/000.p/{}", done["leaves"]);
    let (from, to) = (exported.join(&bundle), Path::new(&again).join(&bundle));
    assert_eq!(std::fs::read(from).unwrap(), std::fs::read(to).unwrap());

    let checkpoint = PathBuf::from(alone.file("data/ledger/tiles/checkpoint"));
    let whole = std::fs::read(&checkpoint).unwrap();
    let mut flipped = whole.clone();
    let last = flipped.len() - 20;
    flipped[last] ^= 1;
    std::fs::write(&checkpoint, &flipped).unwrap();
    let damaged = alone.says(&["ledger", "fsck"], 4);
    assert_eq!(damaged["findings"][0]["kind"], "checkpoint");
    assert_eq!(damaged["findings"][0]["place"], "tiles/checkpoint");
    let said = alone.ends(&["ledger", "fsck"], 4);
    assert!(
        said.out.contains("1 things are wrong") && said.out.contains("tiles/checkpoint"),
        "{}",
        said.out
    );
    std::fs::write(&checkpoint, whole).unwrap();
}

/// Of the same replica on another machine, which has its keys and never ran it.
fn begins_anew(alone: &Alone, exported: &Path) {
    let folder = PathBuf::from(alone.file("anew"));
    std::fs::create_dir_all(folder.join("keys")).unwrap();
    for file in ["sekisho.toml", "genesis.json"] {
        std::fs::copy(alone.file(file), folder.join(file)).unwrap();
    }
    for key in std::fs::read_dir(alone.file("keys")).unwrap() {
        let key = key.unwrap();
        if key.path().extension().is_some_and(|kind| kind == "key") {
            std::fs::copy(key.path(), folder.join("keys").join(key.file_name())).unwrap();
        }
    }
    let config = text(folder.join("sekisho.toml"));
    let import = ["ledger", "import", &text(exported), "--config", &config];
    let done = run(&[&import[..], &["--json"]].concat()).expect(0).json();
    assert_eq!(
        (&done["imported"], &done["resumed"]),
        (&true.into(), &0.into())
    );
    fails(&import, 2, "move it aside first", "調べることが");
    let fsck = run(&["ledger", "fsck", "--config", &config, "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&fsck["leaves"], &fsck["root"]),
        (&done["leaves"], &done["root"])
    );

    let serve = ["serve", "--config", &config];
    let _running = program()
        .with("RUST_LOG", "info")
        .start(&serve, "serving", LIMIT);
    let status = ["ledger", "status", "--config", &config, "--json"];
    let until = Instant::now() + LIMIT;
    loop {
        let status = run(&status).expect(0).json();
        if status["ready"] == true {
            assert_eq!(
                (&status["tree_size"], &status["root"]),
                (&done["leaves"], &done["root"])
            );
            break;
        }
        assert!(Instant::now() < until, "it is not ready");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
