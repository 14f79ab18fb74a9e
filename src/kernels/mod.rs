//! Products and normalisations on plain f32 slices, for the processor at hand.
//!
//! Everything rests on one primitive, a block of a sum of matrix products ([`tile`]), which has one implementation for
//! each kind of vector unit, chosen at run time ([`isa`]). Work is cut by the shape of the problem alone and sums are
//! taken in a fixed order, so results do not depend on the number of threads. Threads are those of rayon's current
//! pool.

/// Compiles a function once for each [`isa::Level`] and picks one at run time.
macro_rules! dispatch {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        $crate::kernels::dispatch! { @ [] $(#[$meta])* $vis fn $($rest)* }
    };
    ($(#[$meta:meta])* $vis:vis unsafe fn $($rest:tt)*) => {
        $crate::kernels::dispatch! { @ [unsafe] $(#[$meta])* $vis fn $($rest)* }
    };
    (@ [$($unsafe:tt)?] $(#[$meta:meta])* $vis:vis fn $name:ident$(<$element:ident: $bound:ident>)?($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(unused_unsafe)]
        $vis $($unsafe)? fn $name$(<$element: $bound>)?($($arg: $type),*) $(-> $result)? {
            #[inline(always)]
            $($unsafe)? fn portable$(<$element: $bound>)?($($arg: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                $($unsafe)? fn avx2$(<$element: $bound>)?($($arg: $type),*) $(-> $result)? {
                    // SAFETY: passed on.
                    unsafe { portable$(::<$element>)?($($arg),*) }
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                $($unsafe)? fn avx512$(<$element: $bound>)?($($arg: $type),*) $(-> $result)? {
                    // SAFETY: passed on.
                    unsafe { portable$(::<$element>)?($($arg),*) }
                }
                match $crate::kernels::isa::level() {
                    // SAFETY: the processor has these instructions.
                    $crate::kernels::isa::Level::Avx512 => return unsafe { avx512$(::<$element>)?($($arg),*) },
                    // SAFETY: the processor has these instructions.
                    $crate::kernels::isa::Level::Avx2 => return unsafe { avx2$(::<$element>)?($($arg),*) },
                    $crate::kernels::isa::Level::Portable => (),
                }
            }
            // SAFETY: passed on.
            unsafe { portable$(::<$element>)?($($arg),*) }
        }
    };
}
pub(crate) use dispatch;

#[cfg(target_arch = "x86_64")]
mod amx;
pub mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod backends;
pub mod conv2d;
mod direct;
pub mod element;
pub mod elementwise;
mod geometry;
pub mod isa;
pub mod layer_norm;
pub mod matmul;
mod output;
mod pack;
pub mod patches;
mod plane;
mod portable;
pub mod residual;
pub mod rows;
mod scratch;
mod softmax;
pub mod tile;
mod transpose;
mod winograd;

/// Numbers from -1 to 1 for tests, multiples of 1/128.
#[cfg(test)]
fn test_value(i: usize) -> f32 {
    ((i * 7919 + 13) % 257) as f32 / 128.0 - 1.0
}
