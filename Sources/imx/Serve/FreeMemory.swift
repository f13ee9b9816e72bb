// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Glibc

/// Gives memory that is not used any more back to the system.
enum FreeMemory {
    private static let queue = DispatchQueue(label: "imx.memory", qos: .utility)

    /// Asks the allocator for it on a thread of its own. glibc keeps the pages that a crowd has left, for ever where a
    /// single object above them lives on; an allocator without `malloc_trim` returns them by itself.
    static func giveBack() {
        queue.async {
            guard let symbol = dlsym(nil, "malloc_trim") else { return }
            _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)(0)
        }
    }
}
