//! `[[node.source]]`: where a node's documents are, and what they are.

use super::read::Reader;
use super::ssmix2::{self, SsMix2Config};
use crate::ui::Words;
use sekisho_documents::SourceId;
use sekisho_domain::FacilityId;
use sekisho_ingest::{
    DicomWebSource, FolderSource, Format, Layout, Login, MAPPING_BYTES_MAX, Mapping, ServiceRoot,
    Source, SsMix2Storage, Trust,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One source of documents.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Its name in reports.
    pub id: SourceId,
    /// Whose documents it holds.
    pub facility: FacilityId,
    /// What they are, and where.
    pub holds: Holds,
}

/// What a source holds.
#[derive(Debug, Clone)]
pub enum Holds {
    /// An SS-MIX2 storage, standardised or extended.
    SsMix2 {
        /// Its root folder.
        root: PathBuf,
        /// How it is read and followed.
        settings: Box<SsMix2Config>,
    },
    /// Files of one format.
    Files {
        /// The folder.
        root: PathBuf,
        /// Which format.
        format: Format,
        /// By which system they tell the facility's patients' numbers, if not by JP Core's.
        patient_system: Option<String>,
    },
    /// The image studies of a PACS.
    DicomWeb {
        /// Where it answers.
        service: ServiceRoot,
        /// Whose certificates it may have, where it answers over TLS.
        trust: Option<Trust>,
        /// As whom it is asked, where it asks.
        login: Option<Login>,
    },
}

impl SourceConfig {
    /// The source itself.
    pub fn source(&self) -> Arc<dyn Source> {
        let (facility, source_id) = (self.facility.clone(), self.id.clone());
        match self.holds.clone() {
            Holds::SsMix2 { root, settings } => {
                let mut storage = SsMix2Storage::new(root, facility, source_id);
                settings.set(&mut storage);
                Arc::new(storage)
            }
            Holds::Files {
                root,
                format,
                patient_system,
            } => Arc::new(FolderSource {
                root,
                facility,
                source_id,
                format,
                patient_system,
            }),
            Holds::DicomWeb {
                service,
                trust,
                login,
            } => Arc::new(DicomWebSource {
                service,
                trust,
                login,
                facility,
                source_id,
            }),
        }
    }
}

/// One table. Each source has an id of its own among those of `ids`.
pub(super) fn read(
    mut source: Reader<'_>,
    base: &Path,
    ids: &mut BTreeSet<SourceId>,
) -> Option<SourceConfig> {
    let id: Option<SourceId> = source.required("id", "hospital-a");
    let facility = source.required("facility", "4110000001");
    let holds = match source.required::<Kind>("kind", "ss-mix2-standardised") {
        Some(kind) => holds(kind, base, &mut source),
        None => {
            // What belongs to a kind that is not known is no fault of its own.
            for key in ["root", "url", "ca", "login", "mapping", "patient_system"] {
                let _ = source.optional::<String>(key, "");
            }
            None
        }
    };
    if let Some(twice) = id.clone().filter(|id| !ids.insert(id.clone())) {
        source.fault(
            "id",
            Words::new(
                format!("{twice} は前の格納先で使われています。それぞれ別の名前にしてください"),
                format!("{twice} names an earlier source already; each source has its own"),
            ),
        );
    }
    source.finish();
    Some(SourceConfig {
        id: id?,
        facility: facility?,
        holds: holds?,
    })
}

fn holds(kind: Kind, base: &Path, source: &mut Reader<'_>) -> Option<Holds> {
    let format = match kind {
        Kind::DicomWeb => return dicomweb(base, source),
        Kind::SsMix2(layout) => {
            let root = source.required_path("root", base, "/srv/ssmix2/4110000001");
            let settings = ssmix2::read(source, layout, base).map(Box::new);
            return Some(Holds::SsMix2 {
                root: root?,
                settings: settings?,
            });
        }
        Kind::Fhir => Some(Format::Fhir),
        Kind::Cda => Some(Format::Cda),
        Kind::Pdf => Some(Format::Pdf),
        Kind::Nsips => Some(Format::Nsips),
        Kind::Uke => Some(Format::Uke),
        Kind::Csv => {
            let path = source.required_path("mapping", base, "/etc/sekisho/vitals.toml");
            path.and_then(|path| mapping(&path, source))
                .map(|mapping| Format::Csv(Arc::new(mapping)))
        }
    };
    let patient_system = match kind {
        Kind::Fhir | Kind::Cda => source.optional("patient_system", "urn:oid:1.2.3"),
        _ => None,
    };
    let root = source.required_path("root", base, "/srv/documents/4110000001");
    Some(Holds::Files {
        root: root?,
        format: format?,
        patient_system,
    })
}

fn dicomweb(base: &Path, source: &mut Reader<'_>) -> Option<Holds> {
    let service = source.required::<ServiceRoot>("url", "https://pacs.example.jp:8043/dicom-web");
    let ca = source.optional_path("ca", base);
    let login = match source.optional::<String>("login", "/etc/sekisho/pacs.login") {
        Some(path) => Some(login(&base.join(path), source)?),
        None => None,
    };
    let service = service?;
    let trust = match (service.is_https(), ca) {
        (true, ca) => Some(trust(ca.as_deref(), source)?),
        (false, None) => None,
        (false, Some(_)) => {
            let ja = "https:// の url にだけ使えます";
            let en = "belongs to a url that begins with https://";
            source.fault("ca", Words::new(ja, en));
            return None;
        }
    };
    Some(Holds::DicomWeb {
        service,
        trust,
        login,
    })
}

/// Certificates a PACS is known by: those of a file, or the system's.
fn trust(ca: Option<&Path>, source: &mut Reader<'_>) -> Option<Trust> {
    Trust::of(ca)
        .map_err(|error| {
            let ja = format!("証明書として使えません：{error}");
            let en = format!("cannot be used: {error}");
            source.fault("ca", Words::new(ja, en));
        })
        .ok()
}

/// A file with one line, `user:password`.
fn login(path: &Path, source: &mut Reader<'_>) -> Option<Login> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let login = text
        .trim_end()
        .split_once(':')
        .map(|(user, password)| Login {
            user: user.to_owned(),
            password: password.to_owned(),
        });
    let login = login.filter(|_| !text.trim_end().contains('\n'));
    if login.is_none() {
        let name = path.display();
        let ja = format!("{name} に「利用者:パスワード」の1行がありません");
        let en = format!("{name} does not hold one line user:password");
        source.fault("login", Words::new(ja, en));
    }
    login
}

/// A mapping file, read and checked.
fn mapping(path: &Path, source: &mut Reader<'_>) -> Option<Mapping> {
    let name = path.display();
    let read = match std::fs::metadata(path) {
        Ok(of) if of.len() > MAPPING_BYTES_MAX as u64 => Err("it is too large".to_owned()),
        _ => std::fs::read_to_string(path).map_err(|e| e.to_string()),
    };
    let parsed = read.and_then(|text| Mapping::parse(&text).map_err(|e| e.to_string()));
    parsed
        .map_err(|error| {
            let ja = format!("{name} を対応表として読めません：{error}");
            let en = format!("{name} cannot be read as a mapping: {error}");
            source.fault("mapping", Words::new(ja, en));
        })
        .ok()
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    SsMix2(Layout),
    Fhir,
    Cda,
    Pdf,
    Nsips,
    Uke,
    Csv,
    DicomWeb,
}

impl std::str::FromStr for Kind {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "ss-mix2-standardised" => Self::SsMix2(Layout::Standardised),
            "ss-mix2-extended" => Self::SsMix2(Layout::Extended),
            "fhir" => Self::Fhir,
            "cda" => Self::Cda,
            "pdf" => Self::Pdf,
            "nsips" => Self::Nsips,
            "uke" => Self::Uke,
            "csv" => Self::Csv,
            "dicomweb" => Self::DicomWeb,
            _ => {
                return Err(
                    "the kinds of source there are: ss-mix2-standardised, ss-mix2-extended, fhir, cda, pdf, nsips, uke, csv, dicomweb",
                );
            }
        })
    }
}
