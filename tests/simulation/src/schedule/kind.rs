//! What can go wrong.

/// Everything that can be asked to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Messages lost, late, twice and out of order.
    Weather,
    /// One replica does not hear another.
    OneWay,
    /// One replica is alone.
    Isolated,
    /// The leader is alone, or only its sending or hearing is.
    LeaderCut,
    /// Two groups.
    Partition,
    /// A machine loses power, or a process is killed.
    Crash,
    /// The same exactly before or after some write or sync.
    CrashAtWrite,
    /// The same while a snapshot is being received or installed.
    CrashAtSnapshot,
    /// All machines lose power.
    PowerLoss,
    /// A replica is stopped in good order and started again.
    Restart,
    /// A disk is full.
    DiskFull,
    /// A sync fails.
    SyncFails,
    /// A sync takes 2 s.
    Stall,
    /// A disk is slow.
    SlowDisk,
    /// A replica is slow to reach.
    SlowReplica,
    /// A clock jumps.
    ClockJump,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Weather,
        Self::OneWay,
        Self::Isolated,
        Self::LeaderCut,
        Self::Partition,
        Self::Crash,
        Self::CrashAtWrite,
        Self::CrashAtSnapshot,
        Self::PowerLoss,
        Self::Restart,
        Self::DiskFull,
        Self::SyncFails,
        Self::Stall,
        Self::SlowDisk,
        Self::SlowReplica,
        Self::ClockJump,
    ];

    /// Its name on a command line.
    pub fn word(self) -> &'static str {
        let name = self.name();
        name.strip_prefix("fault: ").unwrap_or(name)
    }

    /// Its name in the trace.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weather => "fault: weather",
            Self::OneWay => "fault: one-way",
            Self::Isolated => "fault: isolated",
            Self::LeaderCut => "fault: leader-cut",
            Self::Partition => "fault: partition",
            Self::Crash => "fault: crash",
            Self::CrashAtWrite => "fault: crash-at-write",
            Self::CrashAtSnapshot => "fault: crash-at-snapshot",
            Self::PowerLoss => "fault: power-loss",
            Self::Restart => "fault: restart",
            Self::DiskFull => "fault: disk-full",
            Self::SyncFails => "fault: sync-fails",
            Self::Stall => "fault: stall",
            Self::SlowDisk => "fault: slow-disk",
            Self::SlowReplica => "fault: slow-replica",
            Self::ClockJump => "fault: clock-jump",
        }
    }
}
