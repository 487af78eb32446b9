//! What can go wrong before a guest runs, each as one line that names the thing and the remedy.
//! Truth: none; these are sentences for people.

use softsie_kvm::Errno;

/// An error that keeps a guest from being started or continued.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user's input cannot be used; the sentence says why and what to do.
    #[error("{0}")]
    Input(String),
    /// A call of the KVM interface failed.
    #[error("{call} failed: {errno}")]
    Kvm {
        /// Name of the call.
        call: &'static str,
        /// What it answered.
        errno: Errno,
    },
    /// The host refused something the launcher needs.
    #[error("{what}: {source}")]
    Host {
        /// What was being done.
        what: String,
        /// The host's reason.
        source: std::io::Error,
    },
}

/// What the launcher's functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of the user's input.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }

    /// An error of the host, met while doing `what`.
    pub(crate) fn host(what: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        Self::Host { what: what.into(), source: source.into() }
    }
}

/// Names the call in the error of a KVM call.
pub(crate) trait Named<T> {
    /// Turns the error number into an error that says which call it came from.
    fn named(self, call: &'static str) -> Result<T>;
}

impl<T> Named<T> for softsie_kvm::Result<T> {
    fn named(self, call: &'static str) -> Result<T> {
        self.map_err(|errno| Error::Kvm { call, errno })
    }
}
