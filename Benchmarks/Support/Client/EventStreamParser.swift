/// Server-sent events, as far as OpenAI's streams use them: the data of each event, as its last byte comes.
struct EventStreamParser {
    private var line: [UInt8] = []
    private var data: [String] = []

    mutating func consume(_ bytes: [UInt8]) -> [String] {
        var events: [String] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            let text = String(decoding: line, as: UTF8.self)
            line = []
            if text.hasPrefix("data:") {
                let value = text.dropFirst(5)
                data.append(String(value.hasPrefix(" ") ? value.dropFirst() : value))
            } else if text.isEmpty, !data.isEmpty {
                events.append(data.joined(separator: "\n"))
                data = []
            }
        }
        return events
    }
}
