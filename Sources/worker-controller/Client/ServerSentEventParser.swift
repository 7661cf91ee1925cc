/// One event of a stream (`text/event-stream`).
struct ServerSentEvent: Equatable, Sendable {
    /// `message` where the stream names none.
    var name: String
    var data: String
}

/// Turns the bytes of a stream into events, wherever the bytes are cut. An event that is not ended by an empty line is
/// none.
struct ServerSentEventParser {
    /// An event with more bytes than this ends the stream with an error: nothing that we read has such.
    static let largestEvent = 16 << 20

    private var line: [UInt8] = []
    private var name = ""
    private var data: [String] = []
    private var pending = 0
    private var lastWasCarriageReturn = false

    /// - Returns: the events that these bytes complete.
    mutating func push(_ bytes: some Sequence<UInt8>) throws(ClientError) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            // CR, LF and CR LF each end a line.
            defer { lastWasCarriageReturn = byte == UInt8(ascii: "\r") }
            if byte == UInt8(ascii: "\n"), lastWasCarriageReturn { continue }
            guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
                pending += 1
                guard pending <= Self.largestEvent else {
                    throw .failed("an event of the stream is larger than \(Self.largestEvent >> 20) MiB")
                }
                line.append(byte)
                continue
            }
            if let event = endLine() { events.append(event) }
        }
        return events
    }

    private mutating func endLine() -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return endEvent() }
        let field = line.prefix { $0 != UInt8(ascii: ":") }
        var value = line.dropFirst(field.count + 1)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch String(decoding: field, as: UTF8.self) {
        case "data": data.append(String(decoding: value, as: UTF8.self))
        case "event": name = String(decoding: value, as: UTF8.self)
        default: break  // comments, ids and what may come later
        }
        return nil
    }

    private mutating func endEvent() -> ServerSentEvent? {
        defer {
            name = ""
            data = []
            pending = 0
        }
        guard !data.isEmpty else { return nil }
        return ServerSentEvent(name: name.isEmpty ? "message" : name, data: data.joined(separator: "\n"))
    }
}
