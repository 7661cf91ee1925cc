import Foundation
import Scheduling

extension RecordedEvent {
    /// The time of day, what happened, to what, and why.
    func line(in zone: TimeZone) -> String {
        let clock = DateFormatter()
        clock.dateFormat = "HH:mm:ss.SSS"
        clock.locale = Locale(identifier: "en_US_POSIX")
        clock.timeZone = zone
        let kind = event.kind.rawValue.padding(toLength: 18, withPad: " ", startingAt: 0)
        let subjects = [
            event.engine, event.model, event.runtime, event.worker, event.slot.map { "slot \($0)" },
            event.device.map { "on \($0)" }, event.workers.map { "with \($0.joined(separator: ", "))" },
            event.kind == .modelTier
                ? event.tier.map { "is \($0.rawValue)" } : event.tier.map { "from \($0.rawValue)" },
            event.hasWeights == true ? "with weights" : nil, event.milliseconds.map { "in \(Units.milliseconds($0))" },
        ]
        let why = [event.cause, event.reason].compactMap(\.self).joined(separator: ": ")
        let words = [clock.string(from: Date(timeIntervalSince1970: time)), kind] + subjects.compactMap(\.self)
        // One line: the reason of a failed start may hold the lines of a log.
        return words.joined(separator: " ") + (why.isEmpty ? "" : " (\(why.prefix { !$0.isNewline }))")
    }
}
