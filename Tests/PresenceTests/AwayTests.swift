// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Testing

@testable import Presence

/// Wishes to see somebody whose service is away.
@Suite("Asking who is away")
struct AwayTests {
    @Test("RFC2779 3.2.2: somebody who is away is asked once she is back, and the wish waits until then")
    func asksAway() {
        let world = World()
        let (a, b) = (world.add("a.example"), world.add("b.example"))
        let pair = Pair(watcher: address("romeo@a.example"), presentity: address("juliet@b.example"))
        b.setLink(false)
        a.watch(pair.watcher, pair.presentity)
        world.run(for: .seconds(30))
        #expect(b.service.orders.isEmpty && a.service.ends.isEmpty && a.desk.count.watching == 1)
        b.set(pair.presentity, "back")
        b.setLink(true)
        world.run(for: .seconds(5))
        #expect(b.service.orders.contains(.ask(presentity: pair.presentity, watcher: pair.watcher, name: nil)))
        #expect(a.service.granted == [pair] && a.service.views[pair] == document("back"))
    }
}
