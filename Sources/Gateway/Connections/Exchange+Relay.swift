import NIOCore
import NIOHTTP1

/// What has been relayed of an answer.
struct RelayedAnswer {
    let status: HTTPResponseStatus
    let framing: ResponseFraming
    let isEventStream: Bool
    var tail = EventStreamTail()

    /// Whether something may be added to what the upstream sent.
    var canTakeAnEvent: Bool { isEventStream && (framing == .chunked || framing == .untilClose) }
}

extension Exchange: UpstreamReceiver {
    func upstreamAnswered(_ response: HTTPResponseHead) {
        forgetBody()
        var headers = HeaderFilter.response(response.headers)
        if target != .management {
            headers.add(name: "Server-Timing", value: ServerTiming.value(timings))
            headers.add(name: HeaderFilter.tierName, value: tier.rawValue)
        }
        let type = headers.first(name: "content-type").flatMap { HeaderParameters($0)?.value }
        let framing = client.writeHead(response.status, headers, for: head)
        answer = RelayedAnswer(
            status: response.status, framing: framing, isEventStream: type == "text/event-stream")
        if !client.isWritable { upstream?.setReading(false) }
    }

    func upstreamSent(_ bytes: ByteBuffer) {
        if answer?.isEventStream == true { answer?.tail.consume(bytes) }
        client.write(bytes)
    }

    func upstreamPaused() { client.flush() }

    func upstreamEnded() {
        settle()
        client.finish()
    }

    func upstreamLost() { lost(wasReused: upstream?.isReused ?? false) }

    /// Tells the reader of a stream that it breaks off here, in the stream's own form.
    func endStream() {
        let isBetweenEvents = answer?.tail.isBetweenEvents ?? true
        let error = ErrorResponse(
            .engineDied, "The engine ended in the middle of this answer, which is not complete. Send the request again."
        )
        client.write(ByteBuffer(string: "\(isBetweenEvents ? "" : "\n\n")data: \(error.json)\n\n"))
        settle()
        client.finish()
    }
}
