import Foundation
import NIOCore
import NIOHTTP1
import Scheduling
import Testing

@testable import Gateway

@Suite("What answers are made of")
struct AnswerTests {
    @Test("Errors are OpenAI-shaped", arguments: ControllerError.Code.allCases)
    func errors(code: ControllerError.Code) throws {
        let error = ControllerError(
            code, "It \"failed\".", parameter: "model", retryAfter: .milliseconds(1), logTail: ["line 1", "line\t2"])
        let response = ErrorResponse(error)
        #expect(response.status.code == UInt(code.httpStatus))
        #expect(response.headers["retry-after"] == ["1"])
        #expect(!response.json.contains("\n"))
        let body = try JSONDecoder().decode(OpenAIErrorBody.self, from: Data(response.json.utf8))
        #expect(body.error.code == code.rawValue)
        #expect(body.error.message.hasSuffix("line 1\nline\t2"))
        #expect(body.error.param == "model")
    }

    @Test("Server-Timing")
    func timing() {
        let stages = [("queue", 0.04), ("lease", 12.35), ("load", 1234.96), ("x", -1), ("y", .nan), ("z", .infinity)]
        #expect(
            ServerTiming.value(stages.map { StageTime(stage: $0.0, milliseconds: $0.1) })
                == "queue;dur=0.0, lease;dur=12.4, load;dur=1235.0, x;dur=0.0, y;dur=0.0, z;dur=0.0")
    }

    @Test(
        "Where a stream of events stands",
        arguments: [
            ([], true), (["data: a\n\n"], true), (["data: a\r\n\r\n"], true), (["data: a\n"], false),
            (["data: a\r\n"], false), (["data: a"], false), (["data: a\n", "\n"], true), (["a\r\n\r", "\n"], true),
            (["a\r", "\n"], false), (["a\n\nb"], false), (["a\n\n", ""], true),
        ])
    func tail(chunks: [String], isBetweenEvents: Bool) {
        var tail = EventStreamTail()
        for chunk in chunks { tail.consume(ByteBuffer(string: chunk)) }
        #expect(tail.isBetweenEvents == isBetweenEvents)
    }

    @Test("Framing")
    func framing() {
        let framing = { (method: HTTPMethod, version: HTTPVersion, status: HTTPResponseStatus, hasLength: Bool) in
            ResponseFraming(method: method, version: version, status: status, hasLength: hasLength)
        }
        #expect(framing(.POST, .http1_1, .ok, true) == .contentLength)
        #expect(framing(.POST, .http1_1, .ok, false) == .chunked)
        #expect(framing(.POST, .http1_0, .ok, true) == .contentLength)
        #expect(framing(.POST, .http1_0, .ok, false) == .untilClose)
        #expect(framing(.HEAD, .http1_1, .ok, true) == .none)
        #expect(framing(.GET, .http1_1, .notModified, true) == .none)
        #expect(framing(.GET, .http1_1, .noContent, false) == .none)
    }

    @Test("What follows a loss")
    func losses() {
        var policy = LossPolicy()
        let before = { (isEngine: Bool, wasReused: Bool) in
            policy.afterLoss(isEngine: isEngine, wasReused: wasReused, hasAnswered: false, isOpenStream: false)
        }
        #expect(before(true, true) == .connectAgain)
        #expect(before(true, false) == .askBroker)
        #expect(before(true, true) == .connectAgain)
        #expect(before(true, false) == .refuse)
        var management = LossPolicy()
        #expect(
            management.afterLoss(isEngine: false, wasReused: false, hasAnswered: false, isOpenStream: false) == .refuse)
        var answered = LossPolicy()
        for wasReused in [true, false] {
            #expect(
                answered.afterLoss(isEngine: true, wasReused: wasReused, hasAnswered: true, isOpenStream: false) == .cut
            )
            #expect(
                answered.afterLoss(isEngine: true, wasReused: wasReused, hasAnswered: true, isOpenStream: true)
                    == .endStream)
        }
    }

    @Test("A permit in hand is given back when it is let go, and the calmest engine is asked first")
    func permits() {
        let engines = (1...3).map { number in
            EngineRoute(
                engine: EngineID(number: number), generation: Generation(epoch: 1, counter: number), socketPath: "",
                permits: EnginePermits(limit: 2))
        }
        let model = ModelRoute(model: "m", engines: engines)
        #expect(engines[0].permits.take() && engines[1].permits.take())
        #expect(takeAndLetGo(from: model, inFlight: 1) == EngineID(number: 3))
        #expect(engines[2].permits.inFlight == 0)
        engines[2].permits.close()
        #expect(takeAndLetGo(from: model, inFlight: 2) == EngineID(number: 1))
        #expect(engines[0].permits.inFlight == 1)
        for engine in engines { engine.permits.close() }
        #expect(takeAndLetGo(from: model, inFlight: 0) == nil)
    }

    private func takeAndLetGo(from model: ModelRoute, inFlight: Int) -> EngineID? {
        guard let hold = PermitHold.take(from: model) else { return nil }
        let route = hold.route
        #expect(route.permits.inFlight == inFlight)
        return route.engine
    }

    @Test("Buffered bytes are given back once")
    func bufferedBytes() {
        let total = BufferedBytes(limit: 10)
        do {
            var share = BufferedBytes.Share(of: total)
            let isTaken = share.grow(by: 6)
            let isTooMuch = share.grow(by: 5)
            #expect(isTaken && !isTooMuch)
            var other = BufferedBytes.Share(of: total)
            let isTakenToo = other.grow(by: 4)
            #expect(isTakenToo)
            #expect(total.count == 10)
            share.release()
            #expect(total.count == 4)
        }
        #expect(total.count == 0)
    }
}
