"""Words that are no names of a program: those of the language, and those of its library.

Hashes of programs depend on them (`likeness`): a word more makes other hashes.
"""

from typing import Final

_KEYWORDS: Final = """
as break const continue crate dyn else enum extern false fn for if impl in let loop match mod move
mut pub ref return self Self static struct super trait true type unsafe use where while async await
abstract become box do final gen macro override priv try typeof unsized virtual yield union raw
"""
KEYWORDS: Final = frozenset(_KEYWORDS.split())
_STANDARD: Final = """
Add AddAssign Arc AsMut AsRef AtomicBool AtomicUsize BTreeMap BTreeSet BinaryHeap Borrow Borrowed
Box BuildHasher Cell Chars Clone Copy Cow Debug Default DefaultHasher Deref DerefMut Display Div
Drop Duration EPSILON Entry Eq Equal Err Error Extend Fn FnMut FnOnce Formatter From FromIterator
FromStr Greater Hash HashMap HashSet Hasher Index IndexMut Instant Into IntoIterator Item Iterator
Less MAX MIN Mul MulAssign Mutex Neg None Not Occupied Ok Option Ord Ordering Output Owned PI
ParseFloatError ParseIntError PartialEq PartialOrd Path PathBuf Peekable PhantomData Product Range
Rc Read RefCell Relaxed Rem Result Reverse RwLock Send SeqCst Sized Some String Sub SubAssign Sum
Sync Target ToOwned ToString TryFrom TryInto Utf8Error Vacant Vec VecDeque Weak Wrapping Write a abs
abs_diff add add_assign all alloc and and_modify and_then any append as_bytes as_deref as_deref_mut
as_millis as_mut as_ref as_secs as_secs_f64 as_slice as_str assert assert_eq atomic b binary_search
bool borrow borrow_mut boxed by_ref bytes capacity ceil cell cfg chain channel char char_count
char_indices chars checked_add checked_div checked_mul checked_sub chunks chunks_exact clamp clear
clone clone_from cloned cmp collect collections concat consts contains contains_key convert copied
copy_from_slice core cos count count_ones cycle dbg debug_struct dedup dedup_by_key default deref
deref_mut derive description difference div div_euclid downgrade drain drop elapsed empty ends_with
entry enumerate env eprintln eq eq_ignore_ascii_case err error exp expect extend extend_from_slice
f32 f64 fetch_add field fill filter filter_map find find_map finish first first_mut flat_map flatten
floor fmt fold format from from_be_bytes from_digit from_fn from_millis from_secs from_str
from_str_radix from_utf8 from_utf8_lossy fs ge get get_mut get_or_insert get_or_insert_with gt hash
hypot i128 i16 i32 i64 i8 index index_mut inline insert insert_str inspect intersection into
into_boxed_slice into_bytes into_inner into_iter into_keys into_values io is_alphabetic
is_alphanumeric is_ascii is_ascii_alphabetic is_ascii_alphanumeric is_ascii_digit is_ascii_lowercase
is_ascii_punctuation is_ascii_uppercase is_char_boundary is_control is_digit is_empty is_err
is_lowercase is_nan is_none is_numeric is_ok is_ok_and is_power_of_two is_some is_some_and is_subset
is_superset is_uppercase is_whitespace isize iter iter_mut join key keys last last_mut le
leading_zeros len lines ln load lock lt main map map_err map_or map_or_else map_while marker matches
max max_by max_by_key mem min min_by min_by_key mpsc mul mul_assign must_use ne neg new next
next_back non_exhaustive not now nth num ok ok_or ok_or_else once ops option or or_default or_else
or_insert or_insert_with overflowing_add panic parse partial_cmp partition path peek peekable pop
pop_back pop_front position pow powf powi print println product ptr_eq push push_back push_front
push_str range rc rchunks read recv rem rem_euclid remove repeat repeat_n replace replacen repr
reserve resize result retain rev reverse rfind rotate_left rotate_right round rposition rsplit
rsplit_once saturating_add saturating_sub scan send set signum sin size_of skip skip_while sort
sort_by sort_by_key sort_unstable sort_unstable_by sort_unstable_by_key source spawn split split_at
split_at_mut split_first split_last split_off split_once split_terminator split_whitespace splitn
sqrt starts_with std step_by store str string strip_prefix strip_suffix strong_count sub sub_assign
successors sum swap sync take take_while test then then_some then_with thread time
to_ascii_lowercase to_ascii_uppercase to_be_bytes to_digit to_lowercase to_owned to_radians
to_string to_uppercase to_vec total_cmp trailing_zeros trim trim_end trim_matches trim_start trunc
truncate try_fold try_from try_into u128 u16 u32 u64 u8 unreachable unwrap unwrap_err unwrap_or
unwrap_or_default unwrap_or_else unzip upgrade usize value values values_mut vec windows
with_capacity wrapping_add wrapping_mul write write_fmt write_str writeln xor zip
"""
STANDARD: Final = frozenset(_STANDARD.split()) | KEYWORDS | {"_"}
