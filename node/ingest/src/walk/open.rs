//! Opens a storage's files for reading: below its root, through no link, nothing but regular files.
//!
//! The kernel resolves the path itself (`openat2`, Linux 5.6) where it can; that is one call for a file instead of one
//! for each folder above it, and nothing can be swapped in between. Elsewhere `sekisho_documents::Contents` does it.

use sekisho_documents::{Contents, ContentsError, FILE_BYTES_MAX, SourceLocation};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

/// The tree below a root.
pub(super) struct Tree {
    #[cfg(target_os = "linux")]
    root: Option<File>,
    contents: Contents,
}

impl Tree {
    pub(super) fn new(root: &Path, contents: Contents) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            root: File::open(root).ok(),
            contents,
        }
    }

    /// A regular file and what it looks like; `None` where the kernel cannot open it so.
    #[cfg(target_os = "linux")]
    pub(super) fn open(
        &self,
        location: &SourceLocation,
    ) -> Option<Result<(File, Metadata), ContentsError>> {
        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
        use rustix::io::Errno;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let within =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let opened = openat2(
            self.root.as_ref()?,
            location.path.as_str(),
            flags,
            Mode::empty(),
            within,
        );
        let file = match opened {
            Ok(fd) => File::from(fd),
            Err(Errno::LOOP | Errno::XDEV) => {
                return Some(Err(ContentsError::Escapes(location.clone())));
            }
            // A socket.
            Err(Errno::NXIO) => return Some(Err(ContentsError::NotAFile(location.clone()))),
            // A kernel without this call, a filter that forbids it, or a race of renames it gave up on.
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN | Errno::INVAL) => return None,
            Err(error) => return Some(Err(failed(location, error.into()))),
        };
        Some(match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok((file, metadata)),
            Ok(_) => Err(ContentsError::NotAFile(location.clone())),
            Err(error) => Err(failed(location, error)),
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn open(
        &self,
        _: &SourceLocation,
    ) -> Option<Result<(File, Metadata), ContentsError>> {
        None
    }

    /// The bytes of an opened file, at most [`FILE_BYTES_MAX`].
    pub(super) fn read_whole(
        &self,
        location: &SourceLocation,
        (mut file, metadata): (File, Metadata),
        buffer: &mut Vec<u8>,
    ) -> Result<(), ContentsError> {
        let too_large = || ContentsError::TooLarge {
            location: location.clone(),
            max: FILE_BYTES_MAX,
        };
        if metadata.len() > FILE_BYTES_MAX {
            return Err(too_large());
        }
        buffer.clear();
        // One more than there should be, so that the end is seen in the same call.
        let size = usize::try_from(metadata.len()).unwrap_or(0);
        buffer.reserve(size + 1);
        let read = Read::by_ref(&mut file)
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(buffer);
        read.map_err(|error| failed(location, error))?;
        if buffer.len() as u64 > FILE_BYTES_MAX {
            return Err(too_large());
        }
        Ok(())
    }

    /// The bytes of a file that could not be opened by the kernel's own resolution.
    pub(super) fn read_slowly(
        &self,
        location: &SourceLocation,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ContentsError> {
        *buffer = self.contents.read(location)?;
        Ok(())
    }
}

fn failed(location: &SourceLocation, source: std::io::Error) -> ContentsError {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match source.kind() {
        NotFound | NotADirectory => ContentsError::Vanished(location.clone()),
        _ => ContentsError::Io {
            location: location.clone(),
            source,
        },
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_regular_files_below_the_root_and_behind_no_link_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        for folder in [&root, &outside] {
            fs::create_dir_all(folder.join("folder")).unwrap();
            fs::write(folder.join("folder/file"), b"bytes").unwrap();
        }
        symlink(outside.join("folder/file"), root.join("to-file")).unwrap();
        symlink(outside.join("folder"), root.join("to-folder")).unwrap();
        symlink(root.join("folder"), root.join("within")).unwrap();
        symlink("folder", root.join("relative")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        let source: sekisho_documents::SourceId = "std01".parse().unwrap();
        let tree = Tree::new(&root, Contents::new([(source.clone(), root.clone())]));
        let opened = |path: &str| {
            let location = SourceLocation::new(source.clone(), path).unwrap();
            match tree.open(&location) {
                None => "not by the kernel",
                Some(Ok(_)) => "opened",
                Some(Err(ContentsError::Escapes(_))) => "escapes",
                Some(Err(ContentsError::NotAFile(_))) => "no file",
                Some(Err(ContentsError::Vanished(_))) => "vanished",
                Some(Err(_)) => "other",
            }
        };
        if opened("folder/file") == "not by the kernel" {
            println!("left out: this kernel has no openat2");
            return;
        }
        let cases = [
            ("folder/file", "opened"),
            ("to-file", "escapes"),
            ("to-folder/file", "escapes"),
            ("within/file", "escapes"),
            ("relative/file", "escapes"),
            ("magic/etc/passwd", "escapes"),
            ("../outside/folder/file", "escapes"),
            ("/etc/passwd", "escapes"),
            ("folder", "no file"),
            ("socket", "no file"),
            ("folder/none", "vanished"),
            ("folder/file/none", "vanished"),
        ];
        for (path, expected) in cases {
            assert_eq!(opened(path), expected, "{path}");
        }
    }
}
