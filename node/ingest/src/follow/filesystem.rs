//! Whether a file system tells of changes made by other machines.

use std::path::Path;

/// Numbers of file systems (`statfs.f_type`, Linux `include/uapi/linux/magic.h`) whose files another machine writes
/// without this one being told: NFS, SMB and CIFS, Ceph, Lustre, 9P, FUSE (sshfs, GlusterFS), AFS.
const WITHOUT_EVENTS: [u64; 9] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x00c3_6400,
    0x0bd0_0bd0,
    0x0102_1997,
    0x6573_5546,
    0x5346_414f,
];

/// Whether changes below a folder come as events. A folder that cannot be asked has none.
#[cfg(target_os = "linux")]
pub(super) fn has_events(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|stat| !is_remote(stat.f_type as u64))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn has_events(_: &Path) -> bool {
    false
}

fn is_remote(kind: u64) -> bool {
    // The kernel's field is signed and as wide as a word: only its lower half counts.
    WITHOUT_EVENTS.contains(&(kind & 0xffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_file_systems_are_polled() {
        for (kind, remote) in [
            (0x6969, true),
            (0xffff_ffff_ff53_4d42, true),
            (0xef53, false),
            (0x0102_1994, false),
        ] {
            assert_eq!(is_remote(kind), remote, "{kind:x}");
        }
        assert!(!has_events(Path::new("/nowhere/at/all")));
    }
}
