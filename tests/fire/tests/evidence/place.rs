//! Three processes: who looks, with its broker; whose documents they are; and a replica that always stays.

use crate::asking::{Came, ask_disclosing, ask_viewing, connection, find, operator, record};
use sekisho_domain::{Body, EntryIndex, KeyPurpose, NetworkId, RequestId, SubjectId, Transfer};
use sekisho_fire::disk::{Disk, Mounted};
use sekisho_fire::{
    Acknowledged, Answer, Caller, Dice, Group, Place, loopback_places, program, until,
};
use sekisho_ledger::Leaf;
use sekisho_ledger::commitment::{Salt, commit};
use sekisho_proto::v1;
use sekisho_sample::{FacilitySpec, SampleSpec, Vendor, generate};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use v1::record_request::Record;

/// The network that looks, the one whose documents they are, and the replica whose power is never cut.
pub const VIEWING: usize = 0;
pub const DISCLOSING: usize = 1;
pub const STAYS: usize = 2;
pub const ALL: [usize; 3] = [VIEWING, DISCLOSING, STAYS];
/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Nobody is refused for having asked too much.
const MANY: &str =
    "practitioner_per_hour = 1000000\nfacility_per_hour = 1000000\nnetwork_per_hour = 1000000\n";
/// How the patient is known at the viewing hospital.
pub const PATIENT: &str = "K-1";

/// Whose disks the processes have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Disks {
    /// The machine's.
    Machine,
    /// Such that lose power where the test says.
    Ours,
}

/// One retrieval as the disclosing node is asked for it.
pub struct Question {
    pub access: EntryIndex,
    pub request_id: RequestId,
    pub salt: [u8; 32],
    pub unique_id: String,
}

/// Dropped in this order: processes, disks, folder.
pub struct Federation {
    pub group: Group,
    /// Of the patient, at the network that discloses.
    pub documents: Vec<v1::DocumentEntry>,
    disks: Vec<Mounted>,
    caller: Caller,
    subject: SubjectId,
    salts: std::cell::Cell<u8>,
    _dir: TempDir,
}

impl Federation {
    pub async fn start(dice: &mut Dice, disks: Disks) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let places = loopback_places(&dir.path().join("disks"), ALL.len());
        let disks: Vec<_> = match disks {
            Disks::Machine => Vec::new(),
            Disks::Ours => places.iter().map(|place| Mounted::on(&place.dir)).collect(),
        };
        let on_disk = |place: Place| Place {
            dir: place.dir.join("sekisho"),
            ..place
        };
        let group = Group::found(
            &program(env!("CARGO_BIN_EXE_sekisho-under-fire")),
            places.into_iter().map(on_disk).collect(),
            "expected_rtt_ms = 1",
            &dir.path().join("logs"),
        );
        let local_id = documents(&group, dir.path());
        disks.iter().for_each(|mounted| mounted.disk.sync_all());
        let mut federation = Self {
            caller: Caller::new(&group.town),
            group,
            documents: Vec::new(),
            disks,
            subject: SubjectId([0; 16]),
            salts: std::cell::Cell::new(0),
            _dir: dir,
        };
        federation.group.start_all();
        federation.group.ready(&federation.caller, &ALL).await;
        federation.group.found_town(&federation.caller, dice).await;
        federation.meet(&local_id, dice).await;
        federation
    }

    /// Both networks know the patient, who lets the first one's hospital look; and one document is chosen.
    async fn meet(&mut self, local_id: &str, dice: &mut Dice) {
        let (viewing, disclosing) = (
            self.patient(VIEWING, PATIENT),
            self.patient(DISCLOSING, local_id),
        );
        let (own, other) = (
            self.pseudonym(VIEWING, viewing.clone()).await,
            self.pseudonym(DISCLOSING, disclosing.clone()).await,
        );
        let link = |patient: &v1::Patient, network: &NetworkId, subject: SubjectId| {
            Record::LinkSubject(v1::LinkSubject {
                patient: Some(patient.clone()),
                other: Some(v1::SubjectRef {
                    network: network.to_string(),
                    subject: subject.0.to_vec(),
                }),
                confirmed_by: Vec::new(),
            })
        };
        let town = &self.group.town;
        let (first, second) = (&town.members[VIEWING], &town.members[DISCLOSING]);
        let hospital = first.hospital().to_string();
        let consent = v1::GrantConsent {
            patient: Some(viewing.clone()),
            side: v1::Side::Viewing.into(),
            facilities: Some(v1::grant_consent::Facilities::ListedFacilities(
                v1::FacilitySet {
                    facilities: vec![hospital.clone()],
                },
            )),
            period: Some(v1::Period {
                from_ms: 0,
                until_ms: None,
            }),
            capture: v1::Capture::Written.into(),
            recorded_by: hospital,
            ..v1::GrantConsent::default()
        };
        for (node, act) in [
            (VIEWING, link(&viewing, &second.id, other)),
            (DISCLOSING, link(&disclosing, &first.id, own)),
            (VIEWING, Record::GrantConsent(consent)),
        ] {
            let id = fresh_id(dice);
            record(&connection_of(self, node), id, act).await;
        }
        self.subject = own;
        let found = until("documents are found", PATIENCE, || find(self)).await;
        self.documents = found;
    }

    pub fn patient(&self, network: usize, local_id: &str) -> v1::Patient {
        let facility = self.group.town.members[network].hospital().to_string();
        let local_id = local_id.to_owned();
        v1::Patient {
            patient: Some(v1::patient::Patient::Local(v1::patient::Local {
                facility,
                local_id,
            })),
        }
    }

    async fn pseudonym(&self, network: usize, patient: v1::Patient) -> SubjectId {
        let subject = until("a pseudonym", PATIENCE, || async {
            let request = v1::SubjectRequest {
                patient: Some(patient.clone()),
                create: true,
            };
            let mut operator = operator(&connection_of(self, network));
            operator.subject(crate::asking::bounded(request)).await.ok()
        })
        .await;
        subject.into_inner().subject.as_slice().try_into().unwrap()
    }

    pub fn disk(&self, machine: usize) -> &Disk {
        &self.disks[machine].disk
    }

    /// A permitted request for the document, committed.
    pub async fn question(&self) -> Question {
        self.salts.set(self.salts.get() + 1);
        let salt = [self.salts.get(); 32];
        let unique_id = self.documents[0].unique_id.clone();
        let document = commit(&Salt::from_bytes(salt), "document", unique_id.as_bytes());
        let (request_id, envelope) = self.group.town.retrieval(self.subject, document);
        let Acknowledged { index, .. } = until("a request is decided", PATIENCE, || async {
            match self
                .caller
                .submit(STAYS, &envelope, Duration::from_secs(5))
                .await
            {
                Answer::Done(told) => Some(told),
                Answer::NotSent | Answer::Unknown => None,
            }
        })
        .await;
        Question {
            access: index,
            request_id,
            salt,
            unique_id,
        }
    }

    /// The process is gone as after a power cut, and is started again.
    pub async fn restart(&mut self, machine: usize) {
        self.group.kill(machine);
        self.disk(machine).power_on();
        self.group.start(machine);
        self.ready(&[machine]).await;
    }

    /// Waits until these serve.
    pub async fn ready(&mut self, machines: &[usize]) {
        self.group.ready(&self.caller, machines).await;
    }

    /// Waits until the disclosing node answers the question to its end.
    pub async fn answered(&self, question: &Question) {
        until("the same question is answered", PATIENCE, || async {
            (ask_disclosing(self, question).await == Came::Whole).then_some(())
        })
        .await;
    }

    /// Waits until the viewing node shows the whole document under this request id; the access.
    pub async fn shown(&self, request_id: RequestId) -> EntryIndex {
        until("the same request is answered", PATIENCE, || async {
            match ask_viewing(self, request_id).await {
                (Came::Whole, access) => access,
                _ => None,
            }
        })
        .await
    }

    /// Waits until so many releases and receipts of an access are on the ledger.
    pub async fn recorded(&self, access: EntryIndex, releases: usize, receipts: usize) {
        self.all_recorded(&[access], releases, receipts).await;
    }

    /// The same of many.
    pub async fn all_recorded(&self, of: &[EntryIndex], releases: usize, receipts: usize) {
        until(
            "releases and receipts are on the ledger",
            PATIENCE,
            || async {
                let all = self.transfers().await;
                let there = |access| {
                    let of = all.get(access).copied().unwrap_or_default();
                    assert!(of.0 <= 1 && of.1 <= 1, "a record twice: {of:?} of {access}");
                    of.0 >= releases && of.1 >= receipts
                };
                of.iter().all(there).then_some(())
            },
        )
        .await;
    }

    /// No access has a record twice.
    pub async fn each_once(&self) {
        let all = self.transfers().await;
        assert!(!all.is_empty());
        assert!(all.values().all(|of| of.0 <= 1 && of.1 <= 1), "{all:?}");
    }

    /// Releases and receipts of each access, as the replica has them that always stays.
    async fn transfers(&self) -> BTreeMap<EntryIndex, (usize, usize)> {
        let mut all = BTreeMap::<EntryIndex, (usize, usize)>::new();
        for bytes in self.caller.leaves(STAYS).await {
            match Leaf::decode(&bytes).expect("a leaf").entry.body {
                Body::Release(Transfer { access, .. }) => all.entry(access).or_default().0 += 1,
                Body::Receipt(Transfer { access, .. }) => all.entry(access).or_default().1 += 1,
                _ => {}
            }
        }
        all
    }
}

pub fn fresh_id(dice: &mut Dice) -> RequestId {
    let (high, low) = (dice.draw(), dice.draw());
    RequestId((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

pub fn connection_of(federation: &Federation, machine: usize) -> tonic::transport::Channel {
    connection(&federation.group.town, machine, machine)
}

/// Nodes at both networks and a broker at the first; documents of the second. The local id of a patient who has some.
fn documents(group: &Group, dir: &Path) -> String {
    let hospital = group.town.members[DISCLOSING].hospital().clone();
    let root = dir.join("ssmix2");
    let facility = FacilitySpec::new(hospital.clone(), Vendor::ALL[0], &root);
    let mut sample = SampleSpec::new(7, vec![facility]);
    sample.patients_per_facility = 1;
    sample.rates.defect_permille = 0;
    let report = generate(&sample, &mut |_| {}).expect("a sample");
    let source = format!(
        "[[node.source]]\nid = \"std\"\nkind = \"ss-mix2-standardised\"\nfacility = \"{hospital}\"\nroot = \"{}\"\n",
        root.display()
    );
    for (machine, roles) in [
        (VIEWING, format!("[broker]\n[node]\n{MANY}")),
        (DISCLOSING, format!("[broker]\n[node]\n{source}")),
    ] {
        let (place, member) = (&group.places[machine], &group.town.members[machine]);
        let mut options = OpenOptions::new();
        let key = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(place.dir.join("keys/node.key"));
        key.and_then(|mut file| file.write_all(member.secret(KeyPurpose::Node).as_ref()))
            .expect("a key file");
        let mut options = OpenOptions::new();
        let config = options.append(true).open(place.dir.join("sekisho.toml"));
        config
            .and_then(|mut file| file.write_all(roles.as_bytes()))
            .expect("a configuration");
    }
    report.persons[0].at[0].local_id.clone()
}
