import Foundation
import Scheduling
import Testing

@Suite(.timeLimit(.minutes(5))) struct EventFeedTests {
    private static func feed(capacity: Int = 1000) -> EventFeed { EventFeed(epoch: 7, capacity: capacity) }

    private static func tell(_ feed: EventFeed, _ numbers: ClosedRange<Int>) {
        for number in numbers { feed.publish([ControllerEvent(.alarm, slot: number)], at: 1) }
    }

    /// The next batch; nil at the end, or for a beat.
    private static func batch(_ reader: EventReader) async -> EventBatch? {
        if case .events(let batch) = await reader.next() { batch } else { nil }
    }

    private static func slots(_ batch: EventBatch?) -> [Int?] { batch?.events.map(\.event.slot) ?? [] }

    @Test func whatCameBeforeIsNotTold() async throws {
        let feed = Self.feed()
        Self.tell(feed, 1...3)
        let reader = try feed.follow(after: nil)
        Self.tell(feed, 4...5)
        #expect(Self.slots(await Self.batch(reader)) == [4, 5])
    }

    @Test func aReaderGoesOnWhereItWas() async throws {
        let feed = Self.feed()
        Self.tell(feed, 1...3)
        let reader = try feed.follow(after: "7-1")
        #expect(Self.slots(await Self.batch(reader)) == [2, 3])
        Self.tell(feed, 4...4)
        #expect(Self.slots(await Self.batch(reader)) == [4])
    }

    @Test func aReaderThatWaitsIsWoken() async throws {
        let feed = Self.feed()
        let reader = try feed.follow(after: nil)
        async let batch = Self.batch(reader)
        Self.tell(feed, 1...1)
        #expect(Self.slots(await batch) == [1])
    }

    @Test func aSlowReaderIsToldWhatItMissed() async throws {
        let feed = Self.feed(capacity: 4)
        let reader = try feed.follow(after: nil)
        Self.tell(feed, 1...10)
        let batch = try #require(await Self.batch(reader))
        #expect(batch.missed == 6)
        #expect(Self.slots(batch) == [7, 8, 9, 10])
        Self.tell(feed, 11...11)
        let next = try #require(await Self.batch(reader))
        #expect(next.missed == 0)
        #expect(Self.slots(next) == [11])
    }

    /// Even if all that is told at once is more than a batch holds.
    @Test func manyComeInBatches() async throws {
        let feed = Self.feed()
        let reader = try feed.follow(after: nil)
        feed.publish((1...250).map { ControllerEvent(.alarm, slot: $0) }, at: 1)
        var slots: [Int?] = []
        while slots.count < 250 { slots += Self.slots(await Self.batch(reader)) }
        #expect(slots == Array(1...250))
    }

    @Test func aBeatIsNoEvent() async throws {
        let feed = Self.feed()
        let reader = try feed.follow(after: nil)
        reader.beat()
        #expect(await reader.next() == .beat)
        Self.tell(feed, 1...1)
        reader.beat()
        #expect(Self.slots(await Self.batch(reader)) == [1])
    }

    @Test func atTheEndItGetsTheRest() async throws {
        let feed = Self.feed()
        let reader = try feed.follow(after: nil)
        Self.tell(feed, 1...2)
        feed.close()
        #expect(Self.slots(await Self.batch(reader)) == [1, 2])
        #expect(await reader.next() == nil)
        let late = try feed.follow(after: "0")
        #expect(Self.slots(await Self.batch(late)) == [1, 2])
        #expect(await late.next() == nil)
    }

    @Test func aCancelledReaderEnds() async throws {
        let reader = try Self.feed().follow(after: nil)
        let waiting = Task { await reader.next() }
        waiting.cancel()
        #expect(await waiting.value == nil)
    }

    @Test func readersAreLimited() throws {
        let feed = Self.feed()
        var readers = try (0..<EventFeed.mostReaders).map { _ in try feed.follow(after: nil) }
        let error = #expect(throws: ControllerError.self) { try feed.follow(after: nil) }
        #expect(error?.code == .queueFull)
        #expect(error?.retryAfter != nil)
        // The place of one that is gone is free.
        readers.removeLast()
        readers.append(try feed.follow(after: nil))
        #expect(throws: ControllerError.self) { try feed.follow(after: nil) }
    }

    @Test func whatIsNoIdIsRefused() {
        let error = #expect(throws: ControllerError.self) { try Self.feed().follow(after: "seven") }
        #expect(error?.code == .badRequest)
    }

    @Test func jsonHasOneLevel() throws {
        let event = RecordedEvent(
            id: "7-1", time: 2.5,
            event: ControllerEvent(.workerRetired, worker: "p-5", slot: 0, cause: "memory", reason: "too much"))
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let json = try encoder.encode(event)
        #expect(
            String(decoding: json, as: UTF8.self)
                == #"{"cause":"memory","event":"worker_retired","id":"7-1","reason":"too much","slot":0,"time":2.5,"worker":"p-5"}"#
        )
        #expect(try JSONDecoder().decode(RecordedEvent.self, from: json) == event)
    }
}
