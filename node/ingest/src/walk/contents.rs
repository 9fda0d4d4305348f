//! The last levels of a walk through an extended storage: one patient's documents of one day and kind.

use super::files::{Seen, reason_of};
use super::{Patient, Walk, below, is_hidden};
use crate::error::Error;
use crate::extended::{self, Main, StoredContent};
use crate::folder::EntryKind;
use crate::lifecycle::{Version, effective};
use crate::name::{ConditionFlag, Refusal};
use crate::quirks;
use crate::report::Progress;
use sekisho_documents::{
    Availability, ContentsError, DOCUMENT_BYTES_MAX, Digesting, Digests, DocumentEntry,
    FileOutcome, FileRecord, Fingerprint, QuarantineReason, SourceLocation,
};
use std::collections::BTreeMap;
use std::io::Read;

/// Bytes of an attachment read at a time.
const READ_BYTES: usize = 256 << 10;

/// What reading one file of a content folder gave; `None` where it vanished.
type Outcome = Option<(Fingerprint, Result<DocumentEntry, Refusal>)>;

impl Walk<'_> {
    /// One listing of a folder of content folders.
    pub(super) fn list_contents(
        &mut self,
        patient: &Patient,
        folder: &str,
        read: &BTreeMap<String, FileRecord>,
    ) -> Result<Vec<Seen>, Error> {
        let entries = match self.listed(folder) {
            Ok(entries) => entries,
            Err(reason) => return Ok(vec![Seen::Record(self.refused(folder, reason)?)]),
        };
        (self.progress)(Progress::Listed {
            files: entries.len(),
        });
        let mut records = Vec::new();
        let mut named: Vec<(String, StoredContent)> = Vec::new();
        for entry in entries {
            let path = below(folder, &entry.name);
            if self.is_folder(&entry) {
                match StoredContent::of_path(&path) {
                    Ok(name) => named.push((path, name)),
                    Err(Refusal { reason, patients }) => {
                        records.push(Seen::Record(self.quarantined(&path, reason, patients)?));
                    }
                }
            } else if let Some(reason) = self.stray(&path, &entry) {
                records.push(Seen::Record(self.refused(&path, reason)?));
            }
        }
        let versions = named.iter().map(|(_, name)| Version {
            order: &name.key,
            occurred: &name.occurred,
            flag: name.flag,
        });
        let flags = effective(versions);
        for ((path, name), flag) in named.iter().zip(flags) {
            let status = match flag {
                ConditionFlag::Valid => Availability::Approved,
                ConditionFlag::Superseded => Availability::Deprecated,
                ConditionFlag::Deleted => {
                    self.report.files += 1;
                    records.push(self.deleted_content(path, name)?);
                    continue;
                }
            };
            let known = |path: &str| read.get(path).or_else(|| patient.known.get(path)).cloned();
            self.content(&mut records, path, name, status, &known)?;
        }
        Ok(records)
    }

    /// A deleted content folder is one record, of the folder: nothing in it is read.
    fn deleted_content(&self, path: &str, name: &StoredContent) -> Result<Seen, Error> {
        let Some(fingerprint) = self.fingerprint(path) else {
            return Ok(Seen::Vanished);
        };
        let location = SourceLocation::new(self.storage.source_id.clone(), path)?;
        let outcome = FileOutcome::Deleted {
            data_kind: name.kind.code().to_owned(),
        };
        Ok(Seen::Record(FileRecord {
            location,
            fingerprint,
            outcome,
        }))
    }

    /// The main document of a content folder, and what is beside it.
    fn content(
        &mut self,
        records: &mut Vec<Seen>,
        folder: &str,
        name: &StoredContent,
        status: Availability,
        known: &dyn Fn(&str) -> Option<FileRecord>,
    ) -> Result<(), Error> {
        let entries = match self.listed_or_vanished(folder) {
            Ok(Some(entries)) => entries,
            Ok(None) => {
                records.push(Seen::Vanished);
                return Ok(());
            }
            Err(reason) => {
                records.push(Seen::Record(self.quarantined(
                    folder,
                    reason,
                    name.patients(),
                )?));
                return Ok(());
            }
        };
        let (mut mains, mut beside): (Vec<(Main, String)>, Vec<String>) = (Vec::new(), Vec::new());
        for entry in entries {
            if entry.kind == EntryKind::File && entry.name_is_utf8 && !is_hidden(&entry) {
                match extended::is_main(&entry.name) {
                    Some(kind) => mains.push((kind, entry.name)),
                    None => beside.push(entry.name),
                }
            } else if entry.kind == EntryKind::Folder && entry.name_is_utf8 {
                // Viewers' own folders (style sheets, thumbnails) are no documents.
                self.report.ignored += 1;
            } else {
                let path = below(folder, &entry.name);
                if let Some(reason) = self.stray(&path, &entry) {
                    records.push(Seen::Record(self.quarantined(
                        &path,
                        reason,
                        name.patients(),
                    )?));
                }
            }
        }
        mains.sort();
        let mut mains = mains.into_iter();
        let Some((kind, main_name)) = mains.next() else {
            let reason = QuarantineReason::NoMainDocument;
            self.report.files += 1;
            records.push(Seen::Record(self.quarantined(
                folder,
                reason,
                name.patients(),
            )?));
            return Ok(());
        };
        // The same document in a second form goes with the first one.
        beside.extend(mains.map(|(_, other)| other));
        let (seen, main) = self.main(&below(folder, &main_name), name, kind, status, known)?;
        records.push(seen);
        for file in beside {
            let Some(media) = extended::media_type(&file).or_else(|| second_form(&file)) else {
                self.report.ignored += 1;
                continue;
            };
            let path = below(folder, &file);
            let seen = match &main {
                Ok(main) => self.attachment(&path, name, main, media, known)?,
                Err(reason) => {
                    self.report.files += 1;
                    Seen::Record(self.quarantined(&path, *reason, name.patients())?)
                }
            };
            records.push(seen);
        }
        Ok(())
    }

    /// The main document, and its entry or why it has none.
    fn main(
        &mut self,
        path: &str,
        name: &StoredContent,
        kind: Main,
        status: Availability,
        known: &dyn Fn(&str) -> Option<FileRecord>,
    ) -> Result<(Seen, Result<DocumentEntry, QuarantineReason>), Error> {
        let location = SourceLocation::new(self.storage.source_id.clone(), path)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let outcome = self.once_known(&location, status, known(path), |walk, location| {
            let fingerprint = walk.bytes(location, &mut buffer)?;
            walk.report.read_bytes += buffer.len() as u64;
            let made = extended::main(walk.storage, location, name, kind, status, &buffer);
            let made = made.map(|(entry, met)| {
                quirks::count(&mut walk.report.quirks, met);
                entry
            });
            Ok((fingerprint, made))
        });
        self.buffer = buffer;
        self.report.files += 1;
        let main = match &outcome {
            Ok(Some((_, Ok(entry)))) => Ok(entry.clone()),
            Ok(Some((_, Err(refusal)))) => Err(refusal.reason),
            Ok(None) => Err(QuarantineReason::NoMainDocument),
            Err(error) => Err(reason_of(error)),
        };
        Ok((self.seen(location, name, outcome)?, main))
    }

    fn attachment(
        &mut self,
        path: &str,
        name: &StoredContent,
        main: &DocumentEntry,
        media: &'static str,
        known: &dyn Fn(&str) -> Option<FileRecord>,
    ) -> Result<Seen, Error> {
        let location = SourceLocation::new(self.storage.source_id.clone(), path)?;
        self.report.files += 1;
        let outcome = self.once_known(&location, main.status, known(path), |walk, location| {
            let (fingerprint, digests) = walk.digests(location)?;
            walk.report.read_bytes += fingerprint.size_bytes;
            Ok((
                fingerprint,
                Ok(extended::attachment(
                    walk.storage,
                    location,
                    name,
                    main,
                    media,
                    digests,
                )),
            ))
        });
        self.seen(location, name, outcome)
    }

    /// What is known of an unchanged file, else what reading it gives.
    fn once_known(
        &mut self,
        location: &SourceLocation,
        status: Availability,
        known: Option<FileRecord>,
        read: impl FnOnce(
            &mut Self,
            &SourceLocation,
        )
            -> Result<(Fingerprint, Result<DocumentEntry, Refusal>), ContentsError>,
    ) -> Result<Outcome, ContentsError> {
        if known.is_some() {
            let Some(fingerprint) = self.fingerprint(&location.path) else {
                return Ok(None);
            };
            match self.unchanged(known.as_ref(), fingerprint, status) {
                Some(FileOutcome::Document(entry)) => return Ok(Some((fingerprint, Ok(*entry)))),
                Some(FileOutcome::Quarantined { reason, patients }) => {
                    return Ok(Some((fingerprint, Err(Refusal { reason, patients }))));
                }
                _ => {}
            }
        }
        match read(self, location) {
            Ok(read) => Ok(Some(read)),
            Err(ContentsError::Vanished(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn seen(
        &self,
        location: SourceLocation,
        name: &StoredContent,
        outcome: Result<Outcome, ContentsError>,
    ) -> Result<Seen, Error> {
        let (fingerprint, made) = match outcome {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(Seen::Vanished),
            Err(error) => {
                let record =
                    self.quarantined(&location.path, reason_of(&error), name.patients())?;
                return Ok(Seen::Record(record));
            }
        };
        let outcome = match made {
            Ok(entry) => FileOutcome::Document(Box::new(entry)),
            Err(Refusal { reason, patients }) => FileOutcome::Quarantined { reason, patients },
        };
        Ok(Seen::Record(FileRecord {
            location,
            fingerprint,
            outcome,
        }))
    }

    /// What is known of the bytes of a file of any size a document may have, in constant memory.
    fn digests(&self, location: &SourceLocation) -> Result<(Fingerprint, Digests), ContentsError> {
        let Some(opened) = self.tree.open(location) else {
            let mut bytes = Vec::new();
            let fingerprint = self.bytes(location, &mut bytes)?;
            return Ok((fingerprint, Digests::of(&bytes)));
        };
        let (mut file, metadata) = opened?;
        let fingerprint = self.fingerprint_of(&metadata);
        if fingerprint.size_bytes > DOCUMENT_BYTES_MAX {
            return Err(ContentsError::TooLarge {
                location: location.clone(),
                max: DOCUMENT_BYTES_MAX,
            });
        }
        let mut digesting = Digesting::of_size(fingerprint.size_bytes);
        let mut some = vec![0; READ_BYTES];
        loop {
            match file.read(&mut some) {
                Ok(0) => return Ok((fingerprint, digesting.finish())),
                Ok(read) => digesting.update(some.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(ContentsError::Io {
                        location: location.clone(),
                        source,
                    });
                }
            }
        }
    }
}

/// A second main document of a kind that is no attachment otherwise.
fn second_form(name: &str) -> Option<&'static str> {
    match extended::is_main(name)? {
        Main::Cda => Some("text/xml"),
        Main::Hl7 => Some("application/hl7-v2; charset=iso-2022-jp"),
        Main::ByPath(media) => Some(media),
    }
}
