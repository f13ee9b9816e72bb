// SPDX-License-Identifier: Apache-2.0
import NIOCore

extension XMLElement {
    /// Feeds everything inside the element to `hasher`: names, attributes, text and how they are nested; not the
    /// element's own name and attributes, and not its children named `excluded`.
    ///
    /// Elements with the same content feed the same, within one process.
    package func combineContent(into hasher: inout Hasher, excluding excluded: XMLName) {
        store.octets.withUnsafeReadableBytes { octets in
            func combine(_ range: XMLStore.Range) {
                hasher.combine(range.count)
                let end = min(Int(range.end), octets.count)
                if Int(range.start) < end {
                    hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: octets[Int(range.start)..<end]))
                }
            }
            var place = index + 1
            let end = Int(store.nodes[index].next)
            var nextChild = place
            while place < end {
                let node = store.nodes[place]
                if place == nextChild {
                    nextChild = Int(node.next)
                    if node.name == excluded {
                        place = nextChild
                        continue
                    }
                }
                hasher.combine(node.name.rawValue)
                hasher.combine(node.place)
                hasher.combine(Int(node.next) - place)
                combine(node.octets)
                for attribute in store.attributes[Int(node.attributes.start)..<Int(node.attributes.end)] {
                    hasher.combine(attribute.name.rawValue)
                    hasher.combine(attribute.place)
                    combine(attribute.spelling)
                    combine(attribute.value)
                }
                place += 1
            }
        }
    }
}
