package explainindex

import (
	"bytes"
	"math"

	"github.com/fxamacker/cbor/v2"
)

// encoding and decoding are the modes of CBOR. Integers without a type are read as int64, and text
// as it was written.
var (
	encoding, encodingInvalid = cbor.EncOptions{}.UserBufferEncMode()
	decoding, decodingInvalid = cbor.DecOptions{IntDec: cbor.IntDecConvertSignedOrFail, UTF8: cbor.UTF8DecodeInvalid,
		MaxArrayElements: math.MaxInt32, MaxMapPairs: math.MaxInt32}.DecMode()
)

// encode appends a value to a buffer.
func encode(to *bytes.Buffer, value any) error {
	if encodingInvalid != nil {
		return encodingInvalid
	}
	return encoding.MarshalToBuffer(value, to)
}

// decode reads a value.
func decode(data []byte, value any) error {
	if decodingInvalid != nil {
		return decodingInvalid
	}
	return decoding.Unmarshal(data, value)
}
