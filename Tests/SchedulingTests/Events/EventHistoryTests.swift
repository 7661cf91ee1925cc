import Scheduling
import Testing

@Suite struct EventHistoryTests {
    private static func history(_ count: Int, capacity: Int = 3) -> EventHistory {
        var history = EventHistory(epoch: 7, capacity: capacity)
        for number in 0..<count { history.append(ControllerEvent(.alarm, slot: number + 1), at: Double(number)) }
        return history
    }

    private static func numbers(_ batch: EventBatch) -> [Int?] { batch.events.map(\.event.slot) }

    @Test func eventsAreNumberedFromOne() {
        let batch = Self.history(2).batch(after: 0, limit: 10)
        #expect(batch.events.map(\.id) == ["7-1", "7-2"])
        #expect(batch.events.map(\.time) == [0, 1])
        #expect(Self.numbers(batch) == [1, 2])
        #expect(batch.missed == 0)
    }

    @Test func onlyTheLastAreKept() {
        let batch = Self.history(8).batch(after: 2, limit: 10)
        #expect(Self.numbers(batch) == [6, 7, 8])
        #expect(batch.missed == 3)
    }

    /// However far it has got, a reader is told of every event: it gets it, or is told that it missed it.
    @Test func nothingIsLostInSilence() {
        for count in 0...9 {
            let history = Self.history(count)
            for seen in 0...count {
                let batch = history.batch(after: seen, limit: 10)
                #expect(seen + batch.missed + batch.events.count == count)
                #expect(Self.numbers(batch) == Array((count - batch.events.count + 1)..<(count + 1)))
            }
        }
    }

    @Test func aBatchHasALimit() {
        let history = Self.history(8, capacity: 6)
        let batch = history.batch(after: 0, limit: 2)
        #expect(batch.missed == 2)
        #expect(Self.numbers(batch) == [3, 4])
    }

    @Test(arguments: [
        ("0", 0), ("7-0", 0), ("7-2", 2), ("7-5", 5), ("7-6", 5), ("6-3", 0), ("8-3", 0), ("", nil), ("7", nil),
        ("7-", nil), ("7--1", nil), ("7-1-1", nil), ("x-1", nil),
    ])
    func idsOfOtherLivesStandBeforeTheFirst(id: String, number: Int?) {
        #expect(Self.history(5).number(of: id) == number)
    }
}
