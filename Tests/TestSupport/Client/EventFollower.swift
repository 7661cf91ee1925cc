import AsyncHTTPClient
import Foundation

/// What `GET /events` tells of one thing that happened.
public struct HappenedEvent: Decodable, Sendable {
    public let event: String
    /// Absent from `lagged`.
    public let id: String?
    public let engine: String?
    public let model: String?
    public let worker: String?
    public let workers: [String]?
    public let slot: Int?
    public let device: String?
    public let tier: String?
    public let cause: String?
    public let reason: String?
    public let ms: Double?
    public let missed: Int?
}

/// A stream of events, read as it comes.
public struct EventFollower {
    public let status: Int
    private var body: HTTPClientResponse.Body.AsyncIterator
    private var unread = Data()

    init(_ response: HTTPClientResponse) {
        status = Int(response.status.code)
        body = response.body.makeAsyncIterator()
    }

    /// The next event; nil at the end of the stream. Comments are no events.
    public mutating func next() async throws -> HappenedEvent? {
        let separator = Data("\n\n".utf8)
        while true {
            while let end = unread.range(of: separator) {
                let text = String(decoding: unread[..<end.lowerBound], as: UTF8.self)
                unread = Data(unread[end.upperBound...])
                if !text.hasPrefix(":") { return try Self.event(text) }
            }
            guard let chunk = try await body.next() else {
                guard unread.isEmpty else { throw TestFailure("half an event at the end") }
                return nil
            }
            unread += Data(chunk.readableBytesView)
        }
    }

    /// Reads on to the first event of that name, and returns all that came, that one as the last.
    public mutating func read(until name: String) async throws -> [HappenedEvent] {
        var events: [HappenedEvent] = []
        while let event = try await next() {
            events.append(event)
            if event.event == name { return events }
        }
        throw TestFailure("the stream ended, and no '\(name)' came: \(events.map(\.event))")
    }

    /// Reads the lines of one event; its name and id stand in its data too.
    private static func event(_ text: String) throws -> HappenedEvent {
        var fields: [Substring: String] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.range(of: ": ") else { throw TestFailure("no field: \(line)") }
            fields[line[..<colon.lowerBound]] = String(line[colon.upperBound...])
        }
        let event = try JSONDecoder().decode(HappenedEvent.self, from: Data((fields["data"] ?? "").utf8))
        guard event.event == fields["event"], event.id == fields["id"] else { throw TestFailure("two names: \(text)") }
        return event
    }
}

extension RunningController {
    /// Follows what happens from now on, or after an event.
    public func follow(after id: String? = nil) async throws -> EventFollower {
        EventFollower(try await execute(request("/events", id.map { ["last-event-id": $0] } ?? [:])))
    }

    /// The value of each series of `GET /metrics`.
    public func metrics() async throws -> [String: Double] {
        let text = try await get("/metrics").succeeded().text
        let samples = try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
            line throws -> (String, Double) in
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
                throw TestFailure("no sample: \(line)")
            }
            return (String(line[..<space].dropFirst("worker_controller_".count)), value)
        }
        return try Dictionary(samples) { _, _ in throw TestFailure("a series comes twice") }
    }
}
