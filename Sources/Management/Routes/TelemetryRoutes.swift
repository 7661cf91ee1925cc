import Foundation
import Hummingbird
import Scheduling

/// What happens, as it happens, and what was counted.
struct TelemetryRoutes {
    /// The text format's own.
    private static let metricsType = "text/plain; version=0.0.4; charset=utf-8"

    let controller: any ControllerManaging
    /// How long a stream may be silent: that a client is gone is seen when something is written to it.
    let heartbeat: Duration

    func add(to router: Router<BasicRequestContext>) {
        router.add(.get, "/metrics") { _, _ in
            let text = await controller.metrics()
            return Response(
                status: .ok, headers: [.contentType: Self.metricsType, .cacheControl: "no-cache"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
        router.add(.get, "/events") { request, _ in
            let last = request.headers.first { $0.name.canonicalName == "last-event-id" }?.value
            let reader = try await controller.events(after: last)
            return Response(
                status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-cache"],
                body: ResponseBody { writer in
                    // The head goes with the first bytes: a client is to know at once that it listens.
                    try await writer.write(EventStream.comment("the events follow"))
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await beat(for: reader) }
                        defer { group.cancelAll() }
                        while let step = await reader.next() { try await writer.write(EventStream.bytes(of: step)) }
                    }
                    try await writer.finish(nil)
                })
        }
    }

    private func beat(for reader: EventReader) async throws {
        while true {
            try await Task.sleep(for: heartbeat)
            reader.beat()
        }
    }
}

/// Events as a stream of server-sent events.
enum EventStream {
    private struct Lagged: Encodable {
        let event = EventStream.lagged
        let missed: Int
    }

    /// The name of the event that tells a reader that it was too slow.
    static let lagged = "lagged"

    static func bytes(of step: EventReader.Step) throws -> ByteBuffer {
        switch step {
        case .beat: return comment("still here")
        case .events(let batch):
            var text = ""
            if batch.missed > 0 { text += try event(lagged, Lagged(missed: batch.missed)) }
            for entry in batch.events { text += try event(entry.event.kind.rawValue, entry, id: entry.id) }
            return ByteBuffer(string: text)
        }
    }

    static func comment(_ text: String) -> ByteBuffer { ByteBuffer(string: ": \(text)\n\n") }

    private static func event(_ name: String, _ data: some Encodable, id: String? = nil) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // JSON has no line breaks but escaped ones.
        let data = String(decoding: try encoder.encode(data), as: UTF8.self)
        return (id.map { "id: \($0)\n" } ?? "") + "event: \(name)\ndata: \(data)\n\n"
    }
}
