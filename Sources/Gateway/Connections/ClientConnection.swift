import NIOCore
import NIOHTTP1

/// Where one client connection stands: which request it is at, and what becomes of the parts of the next ones. No I/O.
struct ClientConnection {
    enum Phase: Equatable {
        /// Between two requests.
        case idle
        /// The head of a request came, its end did not.
        case receiving
        /// The request is complete, its answer is not.
        case answering
        /// The last answer is written; what still comes is thrown away.
        case ending
    }

    /// What to do with a part that came.
    enum Step {
        case begin(HTTPRequestHead)
        case body(ByteBuffer)
        case end
        /// It belongs to a later request, or to none.
        case nothing
        /// It belongs to a later request, and more wait already than may. To stop reading instead would be to stop seeing
        /// whether the client is still there.
        case tooMuch
    }

    /// Bytes of later requests that may wait.
    static let queueLimit = 65_536
    private static let headCost = 512

    private(set) var phase = Phase.idle
    private(set) var isKeptAlive = true
    private var queue = CircularBuffer<HTTPServerRequestPart>()
    private var queuedBytes = 0

    mutating func received(_ part: HTTPServerRequestPart) -> Step {
        switch phase {
        case .idle, .receiving: return take(part)
        case .answering:
            queue.append(part)
            queuedBytes += Self.cost(of: part)
            return queuedBytes > Self.queueLimit ? .tooMuch : .nothing
        case .ending: return .nothing
        }
    }

    /// The next part that was queued and may be handled now.
    mutating func nextQueued() -> Step? {
        guard phase != .answering, let part = queue.popFirst() else { return nil }
        queuedBytes -= Self.cost(of: part)
        return phase == .ending ? .nothing : take(part)
    }

    /// No further request after this one.
    mutating func endAfterAnswer() { isKeptAlive = false }

    /// No further request.
    /// - Returns: whether there is none now, so that the connection can end.
    mutating func drain() -> Bool {
        isKeptAlive = false
        guard phase == .idle else { return false }
        phase = .ending
        return true
    }

    /// The answer is complete, however much of the request came.
    mutating func answered() {
        // The rest of a request that was answered early would have to be read, however long it is.
        phase = phase == .receiving || !isKeptAlive ? .ending : .idle
    }

    private mutating func take(_ part: HTTPServerRequestPart) -> Step {
        switch (phase, part) {
        case (.idle, .head(let head)):
            phase = .receiving
            // After a request to upgrade, the decoder reads no more; the upgrade itself is not offered.
            if !head.isKeepAlive || head.version == .http1_0 || head.headers.contains(name: "upgrade") {
                isKeptAlive = false
            }
            return .begin(head)
        case (.receiving, .body(let bytes)): return .body(bytes)
        case (.receiving, .end):
            phase = .answering
            return .end
        default: return .nothing
        }
    }

    private static func cost(of part: HTTPServerRequestPart) -> Int {
        switch part {
        case .head(let head):
            head.headers.reduce(headCost + head.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        case .body(let bytes): bytes.readableBytes
        case .end: 0
        }
    }
}
