//! Real clusters for tests: ports chosen by the system, temporary directories, deadlines instead of sleeps.
