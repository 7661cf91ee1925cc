import Foundation
import Scheduling

// What is told of all this: events and metrics.

extension WorkerController {
    /// Call after every event that the decision core took.
    func tellWhatHappened() {
        let events = observer.look(at: scheduler)
        for event in events { counters.count(event) }
        eventFeed.publish(events, at: Date().timeIntervalSince1970)
    }

    public func events(after id: String?) async throws -> EventReader { try eventFeed.follow(after: id) }

    public func metrics() async -> String {
        counters.text(scheduler, inFlight: permits.mapValues(\.inFlight))
    }
}
