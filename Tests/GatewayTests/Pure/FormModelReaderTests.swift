import NIOCore
import Testing

@testable import Gateway

@Suite("The model's name in a form")
struct FormModelReaderTests {
    private static let file = "Content-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\n--X\r\n--\r\n-X"

    private static func field(_ value: String, name: String = "\"model\"") -> String {
        "content-type: text/plain\r\ncontent-disposition: Form-Data; NAME=\(name)\r\n\r\n\(value)"
    }

    private static func read(_ text: String) -> Result<String, FormModelReader.Failure> {
        do throws(FormModelReader.Failure) {
            return .success(try FormModelReader(boundary: "XYZ").model(in: ByteBuffer(string: text)))
        } catch { return .failure(error) }
    }

    private static func form(_ parts: String...) -> String {
        parts.map { "--XYZ\r\n\($0)\r\n" }.joined() + "--XYZ--\r\n"
    }

    @Test("Found before and after a file")
    func found() {
        #expect(Self.read(Self.form(Self.field("hot"), Self.file)) == .success("hot"))
        #expect(Self.read(Self.form(Self.file, Self.field("hot", name: "model"))) == .success("hot"))
        #expect(Self.read(Self.form(Self.field(""))) == .success(""))
    }

    @Test("Refused, with the reason")
    func refused() {
        #expect(Self.read(Self.form(Self.file)) == .failure(.noModel))
        #expect(Self.read(Self.form(Self.field("a"), Self.field("b"))) == .failure(.twoModels))
        #expect(Self.read(Self.form(Self.field(String(repeating: "x", count: 513)))) == .failure(.nameTooLong))
        for text in ["", "--XYZ", "--XYZ\r\n", "x" + Self.form(Self.field("a")), "--XYZ\r\n\(Self.field("a"))\r\n--XY"]
        {
            #expect(Self.read(text) == .failure(.notAForm))
        }
    }

    @Test("Every cut of a form is refused and none is a crash")
    func cut() {
        let whole = Self.form(Self.file, Self.field("hot"))
        for count in 0..<(whole.utf8.count - 4) {
            #expect(Self.read(String(decoding: whole.utf8.prefix(count), as: UTF8.self)) == .failure(.notAForm))
        }
    }

    @Test(
        "Header parameters",
        arguments: [
            ("Form-Data; name=\"a;\\\"b\"; x = y", ["name": "a;\"b", "x": "y"]), ("form-data", [:]),
            ("form-data ;Name=a", ["name": "a"]),
        ])
    func parameters(text: String, expected: [String: String]) {
        let read = HeaderParameters(text)
        #expect(read?.value == "form-data")
        #expect(read?.parameters == expected)
    }

    @Test(
        "Header parameters that two readers may read in two ways",
        arguments: ["", "a; b", "a; b=\"c", "a; b=1; B=2", "a; b=\"c\"d"])
    func malformed(text: String) {
        #expect(HeaderParameters(text) == nil)
    }
}
