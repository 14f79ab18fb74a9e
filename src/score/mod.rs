//! How near a restored picture is to its reference: PSNR, SSIM and MS-SSIM, on luma and on colour.
//!
//! The field's conventions, in one place: the luma Y of BT.601 (16..235, not rounded), 255 as the
//! peak, a border that is not counted, the mean of the values of the pictures. Sixteen-bit
//! samples are brought to 0..255 first. Opacity is not scored.
//!
//! Two pictures become a [`Score`] ([`compare()`]), many a [`Report`] with the mean's confidence
//! interval and, of two results, the test of their difference; it is shown as a table, JSON, CSV or
//! a page.

mod bootstrap;
mod cases;
mod compare;
mod figure;
mod ms_ssim;
mod page;
mod protocol;
mod psnr;
mod report;
mod rows;
mod ssim;
mod wilcoxon;

pub use bootstrap::Interval;
pub use cases::{Case, Cases, match_up};
pub use compare::compare;
pub use figure::{Colour, Figure, Metric, Score};
pub use page::Exhibit;
pub use protocol::{Protocol, ProtocolName};
pub use report::{Estimate, Paired, Report, Row, Summary};
