import Foundation
import NIOCore
import Testing

@testable import Gateway

@Suite("The model's name in a JSON body")
struct JSONModelScannerTests {
    /// Gives the bytes in pieces of `size`.
    private static func scan(_ bytes: [UInt8], size: Int = .max) -> Result<String, JSONModelScanner.Failure> {
        var scanner = JSONModelScanner()
        var rest = bytes[...]
        while !rest.isEmpty {
            scanner.consume(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        do throws(JSONModelScanner.Failure) { return .success(try scanner.finish()) } catch { return .failure(error) }
    }

    @Test(
        "Found, whatever stands around it, and however it comes in",
        arguments: [
            (#"{"model":"a"}"#, "a"), (#" { "x" : [ { "model" : "b" } , -1.5e+3 ] , "model" : "a" } "#, "a"),
            (#"{"mod\u0065l":"\ud83d\ude00\n\u00e9é"}"#, "😀\néé"), (#"{"model":"","x":{"model":1}}"#, ""),
            (#"{"models":"b","model":"a","Model":"c","x":[[],{},true,false,null,0,-0.0,1E9]}"#, "a"),
            (#"{"model":"\ud83dx"}"#, "\u{FFFD}x"),
        ])
    func found(json: String, name: String) {
        for size in [1, 2, 3, 7, Int.max] {
            #expect(Self.scan(Array(json.utf8), size: size) == .success(name))
        }
    }

    @Test(
        "Refused, with the reason",
        arguments: [
            ("", JSONModelScanner.Failure.notJSON), ("{", .notJSON), (#"{"model":"a"}}"#, .notJSON),
            (#"{"model":"a"} {"#, .notJSON), (#"{"model":"a",}"#, .notJSON), (#"{"model" "a"}"#, .notJSON),
            (#"{"x":01,"model":"a"}"#, .notJSON), (#"{"x":1.,"model":"a"}"#, .notJSON), (#"{"x":nul}"#, .notJSON),
            (#"{"x":NaN}"#, .notJSON), (#"{"x":"\x"}"#, .notJSON), ("{\"x\":\"\n\"}", .notJSON),
            (#"{"x":[1}}"#, .notJSON), (#"{'model':'a'}"#, .notJSON), ("[]", .notAnObject), (#""model""#, .notAnObject),
            ("1", .notAnObject), (#"[{"model":"a"}]"#, .notAnObject), ("{}", .noModel),
            (#"{"x":{"model":"a"}}"#, .noModel), (#"{"x":"model"}"#, .noModel), (#"{"model":null}"#, .modelIsNoString),
            (#"{"model":["a"]}"#, .modelIsNoString), (#"{"model":"a","model":"a"}"#, .twoModels),
            (#"{"model":"a","\u006dodel":"b"}"#, .twoModels),
            ("{\"model\":\"\(String(repeating: "x", count: 513))\"}", .nameTooLong),
            ("{\"x\":\(String(repeating: "[", count: 600))", .tooDeep),
        ])
    func refused(json: String, reason: JSONModelScanner.Failure) {
        for size in [1, Int.max] {
            #expect(Self.scan(Array(json.utf8), size: size) == .failure(reason))
        }
    }

    @Test(
        "Bytes that are no UTF-8 are no JSON",
        arguments: [[0xFF], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3]])
    func notUTF8(bytes: [UInt8]) {
        let body = Array("{\"model\":\"a\",\"x\":\"".utf8) + bytes + Array("\"}".utf8)
        #expect(Self.scan(body) == .failure(.notJSON))
    }

    @Test("It takes what Foundation's parser takes, but for its one leniency, and nothing else")
    func differential() throws {
        var random = SeededGenerator(seed: 20_261_122)
        let seed = Array(#"{"model":"a","x":[1.5e3,-0,{"y":null,"z":"\u00e9\\"}],"t":true,"e":""}"#.utf8)
        let alphabet = Array(#"{}[]",:\ue0159.-+ntfa"#.utf8) + [0x0A, 0x20, 0xC3, 0xA9]
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = alphabet.randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: index)
                default: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: index)
                }
            }
            let isJSON = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            let result = Self.scan(bytes)
            // Some refusals come before the end was seen: they say nothing about the rest.
            switch result {
            case .success, .failure(.noModel):
                accepted += 1
                #expect(isJSON, "\(String(decoding: bytes, as: UTF8.self))")
            case .failure(.notJSON):
                // Foundation lets a comma stand before a closing bracket; Python does not.
                let text = String(decoding: bytes, as: UTF8.self)
                let packed = text.filter { !$0.isWhitespace }
                #expect(!isJSON || packed.contains(",}") || packed.contains(",]"), "\(text)")
            case .failure: break
            }
        }
        #expect(accepted > 1000)
    }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
