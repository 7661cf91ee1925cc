/// An HTTP/1.1 response, taken apart as it comes.
package struct ResponseParser {
    private enum State {
        case head
        case body(left: Int)
        case untilClose
        case chunkSize
        case chunk(left: Int)
        case chunkEnd
        case trailer
        case complete
    }

    /// 0 before the head has come.
    package private(set) var status = 0
    /// Names in lower case.
    package private(set) var headers: [String: String] = [:]
    private var state = State.head
    private var line: [UInt8] = []

    package var isComplete: Bool {
        if case .complete = state { true } else { false }
    }

    /// - Returns: the bytes of the body among them.
    mutating func consume(_ bytes: ArraySlice<UInt8>) throws -> [UInt8] {
        var rest = bytes
        var body: [UInt8] = []
        while !rest.isEmpty {
            switch state {
            case .body(let left):
                body += rest.prefix(left)
                let taken = min(left, rest.count)
                rest = rest.dropFirst(taken)
                state = taken == left ? .complete : .body(left: left - taken)
            case .untilClose:
                body += rest
                rest = rest.dropFirst(rest.count)
            case .chunk(let left):
                body += rest.prefix(left)
                let taken = min(left, rest.count)
                rest = rest.dropFirst(taken)
                state = taken == left ? .chunkEnd : .chunk(left: left - taken)
            case .head, .chunkSize, .chunkEnd, .trailer:
                guard let line = takeLine(&rest) else { return body }
                try consume(line: line)
            case .complete:
                throw BenchmarkError("The server sent more than its answer.")
            }
        }
        return body
    }

    /// The connection has ended.
    mutating func end() throws {
        switch state {
        case .complete: return
        case .untilClose: state = .complete
        default: throw BenchmarkError("The connection ended in the middle of the answer.")
        }
    }

    private mutating func takeLine(_ rest: inout ArraySlice<UInt8>) -> String? {
        while let byte = rest.first {
            rest = rest.dropFirst()
            if byte == UInt8(ascii: "\n") {
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                defer { line = [] }
                return String(decoding: line, as: UTF8.self)
            }
            line.append(byte)
        }
        return nil
    }

    private mutating func consume(line: String) throws {
        switch state {
        case .head where status == 0:
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let number = Int(words[1]) else {
                throw BenchmarkError("'\(line.prefix(80))' is not the first line of an HTTP answer.")
            }
            status = number
        case .head where line.isEmpty:
            state = try bodyState()
        case .head:
            guard let colon = line.firstIndex(of: ":") else {
                throw BenchmarkError("'\(line.prefix(80))' is not a header of an HTTP answer.")
            }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers[line[..<colon].lowercased()] = String(value)
        case .chunkSize:
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16), size >= 0 else {
                throw BenchmarkError("'\(line.prefix(80))' is not the size of a chunk.")
            }
            state = size == 0 ? .trailer : .chunk(left: size)
        case .chunkEnd:
            state = .chunkSize
        default:
            if line.isEmpty { state = .complete }
        }
    }

    private func bodyState() throws -> State {
        if status == 204 || status == 304 { return .complete }
        if headers["transfer-encoding"]?.lowercased() == "chunked" { return .chunkSize }
        guard let text = headers["content-length"] else { return .untilClose }
        guard let length = Int(text), length >= 0 else {
            throw BenchmarkError("'\(text)' is not the length of a body.")
        }
        return length == 0 ? .complete : .body(left: length)
    }
}
