//! What an HTTP cache is told to do: nginx's directives.

/// Which answers something holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codes {
    /// All of them: `any`.
    Any,
    /// These.
    These(Vec<u16>),
}

/// A line of `proxy_cache_valid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valid {
    /// For which answers.
    pub codes: Codes,
    /// For how many seconds; 0 forbids to store.
    pub seconds: u64,
}

/// `proxy_cache_lock`: only one goes for what is not there. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// How long the others wait, `proxy_cache_lock_timeout`.
    pub timeout: u64,
    /// After how long another one goes, `proxy_cache_lock_age`.
    pub age: u64,
}

macro_rules! failures {
    ($( $(#[doc = $doc:literal])* $variant:ident = $word:literal $(, $code:literal)?; )*) => {
        /// What may keep a new answer from being sent: the words of `proxy_cache_use_stale`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Failure {
            $( $(#[doc = $doc])* $variant, )*
        }

        impl Failure {
            /// Their words.
            pub const WORDS: &'static [&'static str] = &[$($word),*];
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// What an answer with this code is, if it is one.
            pub const fn of_code(code: u16) -> Option<Self> {
                match code {
                    $( $( $code => Some(Self::$variant), )? )*
                    _ => None,
                }
            }

            /// The code that the cache itself answers with where no answer has come.
            pub const fn own_code(self) -> u16 {
                match self {
                    Self::Timeout => 504,
                    _ => 502,
                }
            }
        }
    };
}

failures! {
    /// No connection, or a broken one; no server that could be asked.
    Error = "error";
    /// No answer in time.
    Timeout = "timeout";
    /// An answer that makes no sense.
    InvalidHeader = "invalid_header";
    /// Somebody else has gone for a new one.
    Updating = "updating";
    /// 500.
    Http500 = "http_500", 500;
    /// 502.
    Http502 = "http_502", 502;
    /// 503.
    Http503 = "http_503", 503;
    /// 504.
    Http504 = "http_504", 504;
    /// 403.
    Http403 = "http_403", 403;
    /// 404.
    Http404 = "http_404", 404;
    /// 429.
    Http429 = "http_429", 429;
}

/// In which cases what has expired is given out: `proxy_cache_use_stale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UseStale(u16);

impl UseStale {
    /// Adds a case by its word; false if there is no such.
    pub fn add(&mut self, word: &str) -> bool {
        let found = Failure::WORDS.iter().position(|own| *own == word);
        if let Some(at) = found {
            self.0 |= 1 << Failure::ALL[at] as u8;
        }
        found.is_some()
    }

    /// True if it holds in this case.
    pub const fn has(self, failure: Failure) -> bool {
        self.0 >> failure as u8 & 1 == 1
    }
}

/// All that a cache is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long answers live that do not say so themselves; the first line that names the code.
    pub valid: Vec<Valid>,
    /// How often something must be asked for until it is stored, `proxy_cache_min_uses`.
    pub min_uses: u32,
    /// After how many seconds without a request something goes.
    pub inactive: u64,
    /// When what has expired is given out.
    pub use_stale: UseStale,
    /// Whether a request of the cache's own goes for a new one then, `proxy_cache_background_update`.
    pub background_update: bool,
    /// Whether only one goes for what is not there.
    pub lock: Option<Lock>,
    /// Whether the upstream is asked if what has expired is still good, `proxy_cache_revalidate`.
    pub revalidate: bool,
    /// How many bytes of answers there may be, `max_size`.
    pub max_size: Option<u64>,
    /// How many keys there may be, by the size of `keys_zone`.
    pub most_keys: u32,
}

impl Default for Rules {
    /// nginx's defaults, with a zone of 10 MiB (`10m`).
    fn default() -> Self {
        Self {
            valid: Vec::new(),
            min_uses: 1,
            inactive: 600,
            use_stale: UseStale::default(),
            background_update: false,
            lock: None,
            revalidate: false,
            max_size: None,
            most_keys: 80_000,
        }
    }
}

impl Rules {
    /// The defaults, with these lines of `proxy_cache_valid`: codes and seconds.
    pub fn with_valid(valid: &[(&[u16], u64)]) -> Self {
        let line = |(codes, seconds): &(&[u16], u64)| Valid {
            codes: Codes::These(codes.to_vec()),
            seconds: *seconds,
        };
        Self {
            valid: valid.iter().map(line).collect(),
            ..Self::default()
        }
    }

    /// How long an answer with this code lives if it does not say so itself.
    pub fn valid_for(&self, code: u16) -> Option<u64> {
        let is_meant = |own: &&Valid| match &own.codes {
            Codes::Any => true,
            Codes::These(codes) => codes.contains(&code),
        };
        self.valid.iter().find(is_meant).map(|own| own.seconds)
    }
}
