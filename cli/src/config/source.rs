//! `[[node.source]]`: where a node's documents are, and what they are.

use super::read::Reader;
use crate::ui::Words;
use sekisho_documents::SourceId;
use sekisho_domain::FacilityId;
use sekisho_ingest::{FolderSource, Format, Source, SsMix2Storage};
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
    /// Its root folder.
    pub root: PathBuf,
    /// What lies there.
    pub holds: Holds,
}

/// What a source holds.
#[derive(Debug, Clone)]
pub enum Holds {
    /// SS-MIX2 standardised storage.
    Standardised,
    /// Files of one format.
    Files {
        /// Which.
        format: Format,
        /// By which system they tell the facility's patients' numbers, if not by JP Core's.
        patient_system: Option<String>,
    },
}

impl SourceConfig {
    /// The source itself.
    pub fn source(&self) -> Arc<dyn Source> {
        let (root, facility, source_id) =
            (self.root.clone(), self.facility.clone(), self.id.clone());
        match &self.holds {
            Holds::Standardised => Arc::new(SsMix2Storage {
                root,
                facility,
                source_id,
            }),
            Holds::Files {
                format,
                patient_system,
            } => Arc::new(FolderSource {
                root,
                facility,
                source_id,
                format: format.clone(),
                patient_system: patient_system.clone(),
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
    let root = source.required_path("root", base, "/srv/ssmix2/4110000001");
    let kind = source.required::<Kind>("kind", "ss-mix2-standardised");
    let holds = kind.and_then(|kind| holds(kind, &mut source));
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
        root: root?,
        holds: holds?,
    })
}

fn holds(kind: Kind, source: &mut Reader<'_>) -> Option<Holds> {
    let files = |format, patient_system| {
        Some(Holds::Files {
            format,
            patient_system,
        })
    };
    match kind {
        Kind::Standardised => Some(Holds::Standardised),
        Kind::Pdf => files(Format::Pdf, None),
        Kind::Nsips => files(Format::Nsips, None),
        Kind::Uke => files(Format::Uke, None),
        Kind::Fhir | Kind::Cda => {
            let system = source.optional::<String>("patient_system", "urn:oid:1.2.3");
            let format = match kind {
                Kind::Cda => Format::Cda,
                _ => Format::Fhir,
            };
            files(format, system)
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Standardised,
    Fhir,
    Cda,
    Pdf,
    Nsips,
    Uke,
}

impl std::str::FromStr for Kind {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "ss-mix2-standardised" => Self::Standardised,
            "fhir" => Self::Fhir,
            "cda" => Self::Cda,
            "pdf" => Self::Pdf,
            "nsips" => Self::Nsips,
            "uke" => Self::Uke,
            _ => {
                return Err(
                    "the kinds of source there are: ss-mix2-standardised, fhir, cda, pdf, nsips, uke",
                );
            }
        })
    }
}
